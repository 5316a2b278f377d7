import type {
  FailoverKafkaConfig,
  ReconciliationReport,
  ReplayReport,
  SwitchMeasurement,
  UnmirroredReport,
} from 'kafkajs-failover';

/**
 * Who decides: the library itself, by the health of the clusters; the demo, by orders; or what is written to an outside source,
 * and health where that says nothing.
 */
export type StrategyName = 'health' | 'manual' | 'consul' | 'file';

/** Where services find the outside source that they follow. */
export type SourceAddress =
  | { readonly kind: 'consul'; readonly address: string; readonly key: string }
  | { readonly kind: 'file'; readonly path: string };

/** What a service is started with. Everything but `world` survives the way to another process. */
export interface ServiceSettings {
  /** `producer`, `consumer-1`, ... */
  readonly name: string;
  readonly topic: string;
  readonly groupId: string;
  readonly strategy: StrategyName;
  readonly source?: SourceAddress;
  /** What both services share: where the clusters are. */
  readonly kafka: Pick<FailoverKafkaConfig, 'clusters' | 'mirror'> &
    Partial<Pick<FailoverKafkaConfig, 'world' | 'producer'>>;
}

/** What the demo tells a service. */
export type Order =
  | {
      readonly kind: 'switch';
      readonly to: string;
      readonly planned: boolean;
      readonly reason: string;
    }
  | { readonly kind: 'stop' };

/** What a service tells the demo. `atMs` is on the machine's monotonic clock, which all processes share. */
export type Fact =
  | { readonly kind: 'started'; readonly atMs: number }
  | {
      readonly kind: 'acknowledged';
      readonly seqs: readonly number[];
      readonly cluster: string;
      readonly atMs: number;
    }
  | {
      readonly kind: 'rejected';
      readonly seqs: readonly number[];
      readonly error: string;
      readonly atMs: number;
    }
  | { readonly kind: 'handled'; readonly seq: number; readonly atMs: number }
  /** The consumer has joined its group on the cluster that the service switched to. */
  | { readonly kind: 'attached'; readonly cluster: string; readonly atMs: number }
  /** Something the library reported, in words. */
  | { readonly kind: 'reported'; readonly text: string; readonly atMs: number }
  | {
      readonly kind: 'switched';
      readonly durationMs: number;
      readonly phases: readonly { readonly phase: string; readonly durationMs: number }[];
      readonly warnings: readonly string[];
      /** Where its group resumed: nothing for the producer. */
      readonly positions: readonly Position[];
      readonly atMs: number;
    }
  /** What the library says of the records that the dead cluster had acknowledged and MirrorMaker had not copied. */
  | { readonly kind: 'searched'; readonly report: UnmirroredReport; readonly atMs: number }
  | { readonly kind: 'replayed'; readonly report: ReplayReport; readonly atMs: number }
  | { readonly kind: 'reconciled'; readonly report: ReconciliationReport; readonly atMs: number }
  /** What the last switch has cost, as the library measured it. */
  | { readonly kind: 'measured'; readonly measurement: SwitchMeasurement }
  | { readonly kind: 'switch-failed'; readonly error: string; readonly atMs: number }
  /** The service's own code ended with an error. */
  | { readonly kind: 'failed'; readonly error: string; readonly atMs: number }
  /** The service's own code has ended. */
  | { readonly kind: 'ended'; readonly atMs: number }
  /** Something kept the process alive for this long after that, and it was killed. */
  | { readonly kind: 'left-late'; readonly afterMs: number };

/** Where a group resumed in one partition of the new cluster, and how that was found. */
export interface Position {
  /** For example `A.payments-0`. */
  readonly partition: string;
  readonly offset: number;
  readonly method: string;
}

/** The service's end of the line to the demo. */
export interface Line {
  tell(fact: Fact): void;
  onOrder(listener: (order: Order) => void): void;
}

/** The demo's end. */
export interface Service {
  readonly name: string;
  order(order: Order): void;
  /** Called for every fact, in order, from the first on. */
  onFact(listener: (fact: Fact) => void): void;
  /** Resolves when nothing of the service is left. */
  readonly gone: Promise<void>;
  /** Ends it at once, whatever it is doing. */
  kill(): Promise<void>;
}

/** Milliseconds of the machine's monotonic clock; every process reads the same one. */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
