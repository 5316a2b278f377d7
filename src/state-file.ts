import * as z from 'zod';
import { messageOf } from './caught.js';
import type { EventSink, SwitchPhase } from './events.js';
import type { KeptRun } from './journal.js';
import type { KeptSwitch } from './past-switches.js';
import type { KeptOfSignals } from './signals/listening.js';
import type { HeardWish } from './signals/signal-state.js';
import { untilDeadline } from './wait.js';
import type { World } from './world.js';

/**
 * What a process keeps on its own disk, so that a restart while nobody answers comes back on the right cluster.
 *
 * @internal
 */
export interface AppliedState extends KeptOfSignals {
  /** Alias of the cluster that was active. */
  readonly cluster: string;
  /** The activation that led to it. */
  readonly switchEpoch: number;
  /** The id that each cluster gave, by alias. */
  readonly clusterIds: Readonly<Record<string, string>>;
  /** The newest decision of the fleet that was obeyed; 0: none. */
  readonly agreedEpoch: number;
  /** The switches of the last hour: cooldown and budget of automatic ones go on. */
  readonly switches: readonly KeptSwitch[];
  /** The switch under way, at each of its steps; undefined: none is. */
  readonly run?: KeptRun | undefined;
}

/** @internal What {@link StateFile} is made of. */
export interface StateFileParts {
  readonly world: World;
  readonly events: EventSink;
  /** Undefined: nothing is kept. */
  readonly path: string | undefined;
  readonly aliases: readonly string[];
}

/** Longest wait for the last write, in milliseconds. */
const LAST_WRITE_MS = 1_000;

const heardWish = z
  .strictObject({
    cluster: z.string(),
    epoch: z.int().min(1).optional(),
    isOvertaken: z.boolean(),
    agreedEpoch: z.int().min(0),
  })
  .transform(({ epoch, ...heard }): HeardWish => ({ ...heard, epoch }));

const pastSwitch = z.strictObject({
  switchEpoch: z.int().min(1),
  from: z.string(),
  to: z.string(),
  by: z.enum(['operator', 'signal', 'health', 'identity', 'agreement']),
  wallMs: z.number(),
});

const PHASES = [
  ...(['prepare', 'agree', 'hold', 'drain', 'fence'] as const),
  ...(['barrier', 'catch-up', 'translate', 'open'] as const),
] as const satisfies readonly SwitchPhase[];

const keptRun = pastSwitch.extend({
  planned: z.boolean(),
  reason: z.string(),
  phase: z.enum(PHASES),
  isRollBack: z.boolean(),
});

const shape = z.strictObject({
  version: z.literal(1),
  cluster: z.string(),
  switchEpoch: z.int().min(1),
  clusterIds: z.record(z.string(), z.string()),
  signalEpochs: z.record(z.string(), z.int().min(0)),
  agreedEpoch: z.int().min(0).default(0),
  heard: z.record(z.string(), heardWish).default({}),
  pinned: z.array(z.string()).default([]),
  switches: z.array(pastSwitch).default([]),
  // Of another version, perhaps: the rest of the file must not be lost by it.
  run: keptRun.optional().catch(undefined),
});

/**
 * The state file. It is an aid and never stands in the way: what cannot be read counts as not there, what cannot be written is
 * reported, and both are said by event.
 *
 * @internal
 */
export class StateFile {
  readonly #parts: StateFileParts;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;
  /** What it is to hold. */
  #wanted: string | undefined;

  constructor(parts: StateFileParts) {
    this.#parts = parts;
  }

  /** What was kept; undefined where there is nothing, or nothing that can be trusted. */
  async read(): Promise<AppliedState | undefined> {
    const { world, path, aliases } = this.#parts;
    if (path === undefined) return undefined;
    let text: string | undefined;
    try {
      text = await world.readText(path);
    } catch (error) {
      return this.#unreadable(messageOf(error));
    }
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#unreadable('it is no JSON');
    }
    const checked = shape.safeParse(value);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      return this.#unreadable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
    }
    const { version: _version, ...state } = checked.data;
    const { cluster } = state;
    if (!aliases.includes(cluster)) {
      return this.#unreadable(`it names ${cluster}, which is none of ${aliases.join(', ')}`);
    }
    return state;
  }

  /** Resolves when nothing is being written any more: whoever cleans up behind us meets no file that is half done. A disk that hangs is not waited for. */
  async settled(): Promise<void> {
    const { world } = this.#parts;
    await untilDeadline(world, world.nowMs() + LAST_WRITE_MS, this.#writing);
  }

  /** Keeps a state, where it is another one than before; one write at a time, in order. Never rejects. */
  write(state: AppliedState): Promise<void> {
    const { world, path } = this.#parts;
    const text = `${JSON.stringify({ version: 1, ...state })}\n`;
    if (path === undefined || text === this.#wanted) return this.#writing;
    this.#wanted = text;
    this.#writing = this.#writing.then(async () => {
      try {
        await world.writeText(path, text);
        this.#isFailing = false;
      } catch (error) {
        if (this.#isFailing) return;
        this.#isFailing = true;
        this.#parts.events.emit('state-file.failed', {
          path,
          because: `it could not be written: ${messageOf(error)}`,
        });
      }
    });
    return this.#writing;
  }

  #unreadable(because: string): undefined {
    const path = this.#parts.path ?? '';
    this.#parts.events.emit('state-file.failed', { path, because: `it is not used: ${because}` });
    return undefined;
  }
}
