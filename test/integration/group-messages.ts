import type { Alias } from './fleet-messages.js';

export type { Alias } from './fleet-messages.js';

/** What a process with members of one group is started with. */
export interface GroupProcessSettings {
  readonly name: string;
  readonly brokers: Readonly<Record<Alias, readonly string[]>>;
  /** Its members handle this topic, in a group of the same name. */
  readonly topic: string;
  /** A handler takes so long, in milliseconds. */
  readonly handleMs: number;
}

/** What such a process is told. */
export type GroupOrder =
  /** One more member. */
  | { readonly kind: 'join' }
  /** Its oldest member leaves in order. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'switch'; readonly to: Alias; readonly planned: boolean };

/** What it tells. Times are those of `nowMs`. */
export type GroupFact =
  | {
      readonly kind: 'handled';
      readonly id: string;
      readonly on: string;
      /** Topic, as the cluster calls it, and partition. */
      readonly log: string;
      readonly atMs: number;
    }
  | { readonly kind: 'rebalancing'; readonly atMs: number }
  | { readonly kind: 'joined'; readonly partitionCount: number }
  | { readonly kind: 'left' }
  | {
      readonly kind: 'switched';
      readonly to: Alias;
      readonly positions: readonly ResumedAt[];
    };

/** Where one process let the group resume in one log. */
export interface ResumedAt {
  readonly log: string;
  readonly offset: number;
  readonly method: string;
  /** Records that may come again, at most; null where nobody can say. */
  readonly mostAgain: number;
}

export type GroupFactOf<Kind extends GroupFact['kind']> = Extract<GroupFact, { kind: Kind }>;
