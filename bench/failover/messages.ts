import type { SwitchPhase } from 'kafkajs-failover';

/** @internal */
export type Alias = 'A' | 'B';

/** @internal What a measured service is started with. */
export interface ServiceSettings {
  readonly name: string;
  readonly brokers: Readonly<Record<Alias, readonly string[]>>;
  readonly topic: string;
  /** It sends one record this often, in milliseconds. Undefined: it sends none. */
  readonly sendEveryMs: number | undefined;
  /** It handles the topic in this group. Undefined: it handles nothing. */
  readonly groupId: string | undefined;
  /** Names the fleet that decides together, by a log on the clusters. Undefined: it decides alone. */
  readonly fleet?: string;
  /** The key that it follows. Undefined: it follows health alone. */
  readonly consul: { readonly address: string; readonly key: string } | undefined;
}

/** @internal What a service is told. */
export type Order =
  /** Be on this cluster, by a planned switch where it is elsewhere, with both clusters healthy and mirrors followed. */
  | { readonly kind: 'settle'; readonly on: Alias }
  /** Tell of the first acknowledgement by this cluster, and of the first record born and handled there, sent since then. */
  | { readonly kind: 'watch'; readonly on: Alias; readonly sinceMs: number };

/** @internal What a service tells. Times are those of {@link nowMs}. */
export type Fact =
  | { readonly kind: 'settled'; readonly atMs: number; readonly failedSendCount: number }
  | {
      readonly kind: 'switch-started';
      readonly to: string;
      readonly reason: string;
      readonly atMs: number;
    }
  | {
      readonly kind: 'switch-completed';
      readonly to: string;
      readonly phases: readonly { readonly phase: SwitchPhase; readonly durationMs: number }[];
      readonly warnings: readonly string[];
      readonly atMs: number;
    }
  | { readonly kind: 'acknowledged'; readonly by: string; readonly atMs: number }
  | { readonly kind: 'handled'; readonly on: string; readonly atMs: number };

/** Monotonic, and the same in every process of the machine. @internal */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
