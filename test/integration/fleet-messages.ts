import type { StayReason } from '../../src/strategy/strategy.js';

export type Alias = 'A' | 'B';

/** What a member of a fleet is started with. */
export interface MemberSettings {
  readonly name: string;
  readonly brokers: Readonly<Record<Alias, readonly string[]>>;
  /** It reaches A through this port of loopback alone, whatever A's metadata says. Undefined: as A says. */
  readonly portOfA: number | undefined;
  /** It sends to this topic and handles it, in a group of the same name. */
  readonly topic: string;
  /** It sends one record this often, in milliseconds. */
  readonly sendEveryMs: number;
  readonly agreement: AgreementSettings;
}

export interface AgreementSettings {
  readonly store:
    | { readonly kind: 'kafka'; readonly topicPrefix: string }
    | { readonly kind: 'consul'; readonly address: string; readonly key: string };
  readonly heartbeatMs: number;
  readonly leaseMs: number | undefined;
}

/** What a member is told. */
export type Order =
  | { readonly kind: 'switch'; readonly to: Alias; readonly options: SwitchOrder }
  /** Sends no more, and says so when all that it sent has an answer. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'work' }
  /** Its next record takes its handler so long, in milliseconds; it says so when it begins. */
  | { readonly kind: 'linger'; readonly forMs: number };

export interface SwitchOrder {
  readonly planned?: boolean;
  readonly alone?: boolean;
  readonly reason: string;
}

/** What a member tells. Times are those of {@link nowMs}. */
export type Fact =
  | { readonly kind: 'status'; readonly status: MemberStatus }
  | { readonly kind: 'acknowledged'; readonly id: string; readonly by: string }
  | {
      readonly kind: 'handled';
      readonly id: string;
      readonly on: string;
      /** Topic, as the cluster calls it, and partition. */
      readonly log: string;
      readonly offset: string;
      readonly switchEpoch: number;
      readonly atMs: number;
    }
  | {
      readonly kind: 'decided';
      readonly epoch: number;
      readonly cluster: string;
      readonly by: string;
      /** The whole decision, as text. */
      readonly decision: string;
      readonly atMs: number;
    }
  /** The source of a switch was left: nothing of this process is sent or handled there any more. */
  | { readonly kind: 'left'; readonly atMs: number }
  | {
      readonly kind: 'switched';
      readonly to: string;
      readonly planned: boolean;
      readonly by: string;
      readonly agreedEpoch: number | undefined;
      readonly switchEpoch: number;
      readonly barrierMs: number | undefined;
      /** The phases that took longer than their deadlines. */
      readonly overran: readonly string[];
      readonly atMs: number;
    }
  /** Its consumer handles records of a new cluster, although these members have not said that they have left the old one. */
  | {
      readonly kind: 'attached';
      readonly to: string;
      readonly unheard: readonly { readonly instance: string; readonly heardAgeMs: number }[];
    }
  | { readonly kind: 'halted'; readonly code: string }
  | { readonly kind: 'stayed'; readonly because: StayReason; readonly detail: string }
  | { readonly kind: 'ordered'; readonly reason: string; readonly outcome: string }
  | { readonly kind: 'lingering' }
  | { readonly kind: 'rested'; readonly failedSendCount: number };

/** How a member is, again and again. */
export interface MemberStatus {
  readonly state: string;
  readonly active: string | undefined;
  /** Of the decision in force. */
  readonly decision: { readonly epoch: number; readonly cluster: string } | undefined;
  readonly obeyedEpoch: number;
  readonly contactAgeMs: number;
  /** Members that were heard lately. */
  readonly heardCount: number;
  readonly consumer: string;
  /** Both clusters are healthy, and both directions of the mirror are read to their end. */
  readonly isReady: boolean;
}

export type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;

/** Monotonic, and the same in every process of the machine. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
