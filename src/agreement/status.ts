import type { AgreedDecision, MemberState } from './agreement.js';
import type { FleetState } from './fleet-state.js';

/**
 * What is known of the other processes.
 *
 * @public
 */
export interface AgreementStatus {
  /** Name of the agreement. */
  readonly name: string;
  /** Names this process among the members. */
  readonly instance: string;
  /** The decision in force; undefined where none was made, or none was heard of. */
  readonly decision: AgreedDecision | undefined;
  /** The newest decision that this process has obeyed; 0: none. */
  readonly obeyedEpoch: number;
  /** How long ago the agreement was last in contact, in milliseconds; undefined: never. */
  readonly contactAgeMs: number | undefined;
  /** Who was heard and has not left, this process among them. */
  readonly members: readonly (MemberState & {
    /** How long ago it was last heard, in milliseconds. */
    readonly heardAgeMs: number;
  })[];
}

/** @internal Puts the status together. */
export function describeFleet(
  { decision, members }: FleetState,
  {
    nowMs,
    contactAtMs,
    ...self
  }: Pick<AgreementStatus, 'name' | 'instance' | 'obeyedEpoch'> & {
    readonly nowMs: number;
    readonly contactAtMs: number | undefined;
  },
): AgreementStatus {
  return {
    ...self,
    decision,
    contactAgeMs: contactAtMs === undefined ? undefined : nowMs - contactAtMs,
    members: [...members.values()].map(({ member, heardAtMs }) => ({
      ...member,
      heardAgeMs: nowMs - heardAtMs,
    })),
  };
}
