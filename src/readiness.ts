import { messageOf } from './caught.js';
import type { Mirror, MirrorState } from './replication/mirror.js';
import { withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What was learned before a switch: `obstacles` refuse it, `warnings` go into its report. */
export interface Readiness {
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
}

/** A flow whose last heartbeat arrived longer ago than this is reported as standing still, in milliseconds. */
const SILENT_MIRROR_MS = 10_000;

/** Longest look at the mirror before a switch, in milliseconds. */
const MIRROR_LOOK_MS = 3_000;

/**
 * What of the time for `prepare` the look leaves over, in milliseconds: its outcome has to be told in time, or the switch
 * would be refused because the *target* did not answer.
 *
 * @internal
 */
export const MARGIN_MS = 50;

/**
 * Reads MirrorMaker's records of a flow to their end, and says what is wrong with it. Whoever plans a switch must be able
 * to read them; for an unplanned one nothing here is more than a warning.
 *
 * @param options.deadlineAtMs - when the answer has to be there, on the world's monotonic clock.
 * @internal
 */
export async function mirrorReadiness(
  mirror: Mirror,
  {
    world,
    planned,
    deadlineAtMs,
    signal,
  }: { world: World; planned: boolean; deadlineAtMs: number; signal: AbortSignal },
): Promise<Readiness> {
  const lookMs = Math.min(MIRROR_LOOK_MS, deadlineAtMs - MARGIN_MS - world.nowMs());
  const unread = await look(mirror, lookMs, { world, signal });
  const findings = [...unread, ...silence(mirror.state())];
  return planned && unread.length > 0
    ? { obstacles: findings, warnings: [] }
    : { obstacles: [], warnings: findings };
}

/** Why MirrorMaker's records are not known as they are now; empty where they are. */
async function look(
  mirror: Mirror,
  lookMs: number,
  { world, signal }: { world: World; signal: AbortSignal },
): Promise<readonly string[]> {
  let because = 'there was no time left to read them (switch.prepareMs)';
  if (lookMs > 0) {
    try {
      const looked = await withinDeadline(
        world,
        world.nowMs() + lookMs,
        (limit) => mirror.refresh({ signal: limit }),
        { signal },
      );
      if (looked.kind === 'settled') return [];
      because = `reading them took longer than ${Math.round(lookMs)} ms`;
    } catch (error) {
      signal.throwIfAborted();
      because = messageOf(error);
    }
  }
  const { isComplete, ageMs, topics } = mirror.state();
  const failed = topics.find(({ failure }) => failure !== undefined);
  const reason =
    failed?.failure === undefined ? because : `${failed.topic}: ${failed.failure.message}`;
  const records = `MirrorMaker's records of ${mirror.source}->${mirror.target}`;
  return isComplete && ageMs !== undefined
    ? [`${records} were last read to their end ${Math.round(ageMs / 1_000)} s ago: ${reason}`]
    : [`${records} could not be read to their end: ${reason}`];
}

/** A dead source sends no heartbeats: for an unplanned switch that is what one expects, and only worth a line. */
function silence({ source, target, heartbeat }: MirrorState): readonly string[] {
  const flow = `${source}->${target}`;
  if (heartbeat === undefined) {
    return [
      `no heartbeat has come through the mirror ${flow}: it does not run, its heartbeats are switched off, or the ` +
        "aliases, mirror.policy or mirror.separator are not MirrorMaker's own",
    ];
  }
  if (heartbeat.arrivedAgeMs <= SILENT_MIRROR_MS) return [];
  const seconds = Math.round(heartbeat.arrivedAgeMs / 1_000);
  return [`the mirror ${flow} stands still: no heartbeat for ${seconds} s`];
}
