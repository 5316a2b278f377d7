import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../stack/index.js';
import type {
  Alias,
  GroupFact,
  GroupFactOf,
  GroupOrder,
  GroupProcessSettings,
} from './group-messages.js';

type Handled = GroupFactOf<'handled'>;

/** A process with members of a group, and what it has told. It ends with the test, if not before. */
export class GroupProcess {
  readonly facts: GroupFact[] = [];
  readonly #child: ChildProcess;
  #said = '';
  #isKilled = false;

  constructor(settings: GroupProcessSettings) {
    this.#child = fork(join(import.meta.dirname, 'group-process.ts'), [JSON.stringify(settings)], {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-2_000);
    });
    this.#child.on('message', (fact: GroupFact) => this.facts.push(fact));
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  order(order: GroupOrder): void {
    this.#child.send(order);
  }

  of<Kind extends GroupFact['kind']>(kind: Kind): readonly GroupFactOf<Kind>[] {
    if (this.#child.exitCode !== null) throw new Error(`the process has ended. ${this.#said}`);
    return this.facts.filter((fact): fact is GroupFactOf<Kind> => fact.kind === kind);
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  /** kill -9. Resolves when it has ended and all that it told is known. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Everything that was handled, in its order. */
export function handledBy(processes: readonly GroupProcess[]): readonly Handled[] {
  return processes
    .flatMap((one) => one.of('handled'))
    .toSorted((one, next) => one.atMs - next.atMs);
}

/** All of these were handled by somebody. */
export async function untilHandledBy(
  processes: readonly GroupProcess[],
  ids: readonly string[],
): Promise<void> {
  await waitFor(
    'all of it to be handled',
    () => {
      const known = new Set(handledBy(processes).map(({ id }) => id));
      return ids.filter((id) => !known.has(id));
    },
    { until: ({ length }) => length === 0, timeoutMs: 90_000 },
  );
}

/** All processes that live go together, each by an order of its own. */
export async function switchAll(
  processes: readonly GroupProcess[],
  to: Alias,
  { planned }: { planned: boolean },
): Promise<void> {
  const alive = processes.filter(({ isKilled }) => !isKilled);
  const before = alive.map((one) => one.of('switched').length);
  for (const one of alive) one.order({ kind: 'switch', to, planned });
  await waitFor('all to have switched', () => alive.map((one) => one.of('switched').length), {
    until: (counts) => counts.every((count, index) => count > (before[index] ?? 0)),
    timeoutMs: 90_000,
  });
}

/** What the newest reports allow for: in each log whatever the most careful process has said. */
export function predictedBy(processes: readonly GroupProcess[]): ReadonlyMap<string, number> {
  const most = new Map<string, number>();
  for (const { positions } of processes.flatMap((one) => one.of('switched').at(-1) ?? [])) {
    for (const { log, mostAgain } of positions) {
      most.set(log, Math.max(most.get(log) ?? 0, mostAgain));
    }
  }
  return most;
}
