import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '../../stack/index.js';
import type { Alias, Fact, Order, ServiceSettings } from './messages.js';

/** Beyond the limits of the service itself. */
const LIMIT_MS = 400_000;

/** @internal One kind of fact. */
export type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;

/**
 * Services as processes, and what they have told.
 *
 * @internal
 */
export class Fleet {
  readonly #children: readonly ChildProcess[];
  readonly #facts: readonly Fact[][];
  readonly #failure: Promise<never>;
  #isStopped = false;

  constructor(services: readonly ServiceSettings[]) {
    this.#children = services.map((settings) =>
      fork(join(__dirname, 'service.ts'), [JSON.stringify(settings)], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      }),
    );
    this.#facts = services.map(() => []);
    this.#failure = new Promise((_resolve, reject) => {
      for (const [index, child] of this.#children.entries()) {
        const name = services[index]?.name ?? '';
        this.#listen(child, this.#facts[index] ?? [], (said) =>
          reject(new Error(`the service ${name} has ended. ${said}`.trim())),
        );
      }
    });
    // Whoever waits hears of it.
    this.#failure.catch(() => {});
  }

  order(order: Order): void {
    for (const child of this.#children) child.send(order);
  }

  /** All services are on this cluster, at rest. Answers how many sends have failed so far. */
  async settle(on: Alias, sinceMs: number): Promise<number> {
    this.order({ kind: 'settle', on });
    const settled = await this.all('settled', { sinceMs });
    return settled.reduce((sum, { failedSendCount }) => sum + failedSendCount, 0);
  }

  /** The first such fact of each service, or of those that tell it at all where `count` says how many. */
  async all<Kind extends Fact['kind']>(
    kind: Kind,
    {
      sinceMs,
      count = this.#children.length,
      limitMs = LIMIT_MS,
    }: { sinceMs: number; count?: number; limitMs?: number },
  ): Promise<readonly FactOf<Kind>[]> {
    const isWanted = (fact: Fact): fact is FactOf<Kind> =>
      fact.kind === kind && fact.atMs >= sinceMs;
    const found = waitFor(
      `"${kind}" of ${count} services`,
      () => this.#facts.flatMap((facts) => facts.find(isWanted) ?? []),
      { until: (all) => all.length >= count, timeoutMs: limitMs },
    );
    return Promise.race([found, this.#failure]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const ended = this.#children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve();
          else child.once('exit', () => resolve());
        }),
    );
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
  }

  #listen(child: ChildProcess, facts: Fact[], failed: (said: string) => void): void {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-2_000);
    });
    child.on('message', (fact: Fact) => facts.push(fact));
    child.on('close', () => {
      if (!this.#isStopped) failed(said);
    });
  }
}
