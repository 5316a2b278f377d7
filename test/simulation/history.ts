import type { GroupPlan } from '../../src/position/plan.js';

/** Where something was read or written. */
export interface Place {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** What happened in a run, in order. `process` is the number of a service process of the fleet. */
export type HistoryEvent = { readonly atMs: number } & (
  | { readonly kind: 'sent'; readonly process: number; readonly id: string }
  | { readonly kind: 'acknowledged'; readonly process: number; readonly id: string }
  | {
      readonly kind: 'send-failed';
      readonly process: number;
      readonly id: string;
      readonly code: string;
    }
  | {
      readonly kind: 'handling' | 'handled' | 'handler-failed';
      readonly process: number;
      readonly consumer: string;
      readonly switchEpoch: number;
      readonly id: string;
      readonly logical: string;
      readonly place: Place;
    }
  | { readonly kind: 'consumer-stopped'; readonly process: number; readonly consumer: string }
  | {
      readonly kind: 'planned';
      readonly process: number;
      readonly switchEpoch: number;
      readonly plan: GroupPlan;
    }
  | {
      readonly kind: 'fenced';
      readonly process: number;
      readonly cluster: string;
      readonly switchEpoch: number;
    }
  | {
      readonly kind: 'opened';
      readonly process: number;
      readonly cluster: string;
      readonly switchEpoch: number;
    }
  | {
      /** A group's commit, looked at after the broker had taken a commit request. */
      readonly kind: 'committed';
      readonly place: Place;
    }
  | { readonly kind: 'written'; readonly cluster: string; readonly apiName: string }
  | { readonly kind: 'fault'; readonly what: string }
  | { readonly kind: 'fact'; readonly process: number; readonly what: string }
);

/** A log as it was at the end: the ids of its records, by offset. Markers and aborted records have none. */
export interface FinalLog {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly low: bigint;
  readonly ids: ReadonlyMap<bigint, string>;
}

/** Everything the checkers look at. */
export interface Run {
  readonly seed: string;
  readonly events: readonly HistoryEvent[];
  readonly logs: readonly FinalLog[];
  /** Sends whose promise had not settled at the end. */
  readonly unsettledSends: readonly string[];
  /** Longest time a send may take by the options, in milliseconds. */
  readonly sendLimitMs: number;
}

/** `cluster/topic-partition`, the name of a physical log. */
export function logName({ cluster, topic, partition }: Omit<Place, 'offset'>): string {
  return `${cluster}/${topic}-${partition}`;
}
