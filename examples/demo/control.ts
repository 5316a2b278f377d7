import type { FailoverKafka, GroupPlan } from 'kafkajs-failover';
import { nowMs, type Line, type Order, type Position } from './messages.js';

/**
 * The demo's hand inside a service: carries orders in and facts out. A real service has an HTTP route, a signal or a
 * configuration watch in its place.
 */
export class Control {
  readonly #line: Line;
  readonly #stop = new AbortController();
  /** Resolves when the service is to stop. */
  readonly stopped: Promise<void>;
  #kafka: FailoverKafka | undefined;

  constructor(line: Line) {
    this.#line = line;
    this.stopped = new Promise((resolve) => {
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    line.onOrder((order) => {
      void this.#obey(order);
    });
  }

  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Passes on what the library reports, and takes orders for it from now on. */
  watch(kafka: FailoverKafka): void {
    this.#kafka = kafka;
    kafka.on('health.changed', ({ cluster, of, to }) => {
      if (to.kind === 'unhealthy') this.#report(`${cluster} is unhealthy (${of}): ${to.because}`);
    });
    kafka.on('strategy.stayed', ({ detail }) => this.#report(`stays: ${detail}`));
    kafka.on('switch.completed', ({ report: { durationMs, phases, plans, warnings } }) => {
      const positions = plans.flatMap(positionsOf);
      this.#line.tell({ kind: 'switched', durationMs, phases, warnings, positions, atMs: nowMs() });
    });
    kafka.on('switch.phase-overran', ({ phase, deadlineMs, detail }) => {
      this.#report(`phase ${phase} took longer than ${deadlineMs} ms: ${detail}`);
    });
    kafka.on('producer.released', ({ sendCount, resentCount }) => {
      this.#report(
        `released ${sendCount} held sends, ${resentCount} of them sent before without an answer`,
      );
    });
    kafka.on('consumer.attached', ({ cluster }) => {
      this.#line.tell({ kind: 'attached', cluster, atMs: nowMs() });
    });
    kafka.on('unmirrored.searched', ({ report }) => {
      if (report.recordCount > 0) this.#line.tell({ kind: 'searched', report, atMs: nowMs() });
    });
    kafka.on('unmirrored.replayed', ({ report }) => {
      this.#line.tell({ kind: 'replayed', report, atMs: nowMs() });
    });
    kafka.on('unmirrored.reconciled', ({ report }) => {
      this.#line.tell({ kind: 'reconciled', report, atMs: nowMs() });
    });
    kafka.on('failover.halted', ({ error }) => this.#report(`halted: ${error.message}`));
  }

  started(): void {
    this.#line.tell({ kind: 'started', atMs: nowMs() });
  }

  acknowledged(records: readonly { readonly seq: number }[]): void {
    const seqs = records.map(({ seq }) => seq);
    this.#line.tell({ kind: 'acknowledged', seqs, cluster: this.#cluster(), atMs: nowMs() });
  }

  rejected(records: readonly { readonly seq: number }[], error: unknown): void {
    const seqs = records.map(({ seq }) => seq);
    this.#line.tell({ kind: 'rejected', seqs, error: inWords(error), atMs: nowMs() });
  }

  handled({ seq }: { readonly seq: number }): void {
    this.#line.tell({ kind: 'handled', seq, atMs: nowMs() });
  }

  #report(text: string): void {
    this.#line.tell({ kind: 'reported', text, atMs: nowMs() });
  }

  #cluster(): string {
    return this.#kafka?.status().active ?? '';
  }

  async #obey(order: Order): Promise<void> {
    if (order.kind === 'stop') {
      const measurement = this.#kafka?.status().lastSwitch;
      if (measurement !== undefined) this.#line.tell({ kind: 'measured', measurement });
      this.#stop.abort();
      return;
    }
    const { to, planned, reason } = order;
    try {
      const outcome = await this.#kafka?.switchTo(to, { planned, reason });
      if (outcome?.kind !== 'switched')
        throw new Error(`not switched: ${outcome?.kind ?? 'no client'}`);
    } catch (error) {
      this.#line.tell({ kind: 'switch-failed', error: inWords(error), atMs: nowMs() });
    }
  }
}

function positionsOf({ partitions }: GroupPlan): readonly Position[] {
  return partitions.flatMap((one) =>
    one.kind === 'resume'
      ? [
          {
            partition: `${one.physicalTopic}-${one.partition}`,
            offset: Number(one.offset),
            method: one.method,
          },
        ]
      : [],
  );
}

function inWords(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
