import type { OffsetSpan } from '../position/offset-span.js';
import type { Sought } from './sought.js';

/** @internal What is carried from one inner consumer to the next of the same epoch. */
export interface CarriedProgress {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly handled: bigint | undefined;
  readonly delivered: OffsetSpan | undefined;
  readonly everDelivered: OffsetSpan | undefined;
  readonly committed: bigint | undefined;
  readonly sought: Sought | undefined;
  readonly rewoundBelow: bigint | undefined;
  readonly mayOthersHaveHandledMore: boolean;
  readonly removed: OffsetSpan | undefined;
}
