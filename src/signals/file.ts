import { checkFileSignal } from '../options-signals.js';
import { sleep, untilAborted, untilDeadline, spread } from '../wait.js';
import type { World } from '../world.js';
import { type Look, watchByPolling } from './polling.js';
import { failed, isSame, readingOf } from './reading.js';
import type { Reading, Signal } from './signal.js';

/**
 * Which file holds the opinion.
 *
 * @public
 */
export interface FileSignalOptions {
  /** Path of a text file. A relative one is looked up from the process's working directory. */
  readonly path: string;
  /** Pause between two looks, in milliseconds. At least 100. Default 1000. */
  readonly pollMs?: number;
}

/** An alias and a sentence fit many times. */
const MAX_BYTES = 65_536;

/** Pause between the two readings that must be equal: an editor has put the rest in place by then. */
const SETTLE_MS = 100;

/** Readings in a row that may differ, before that is told. */
const MAX_READINGS = 20;

/** How long a read may take: that of a network file system may hang. */
const READ_LIMIT_MS = 5_000;

/**
 * The content of a file: an alias, or JSON `{ cluster, epoch, mode, reason }`. Fits what others keep up to date: a Kubernetes
 * ConfigMap or Secret that is mounted as a volume, consul-template, a configuration management.
 *
 * It looks at the content, not at times or inodes, so swapped symbolic links, renamed and rewritten files are all seen.
 * Changed content counts when two readings, 100 ms apart, are equal: a file that is just being written is looked at again.
 * Safest is to write another file and to rename it.
 *
 * A missing or blank file is no opinion. A directory, a pipe, a file without the right to read it, one of more than 64 KiB,
 * with NUL bytes or bytes that are not UTF-8, and a file system that does not answer are failures. A mounted ConfigMap
 * follows its source with the kubelet's delay, a minute or more; one that is mounted by `subPath` never changes.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong.
 * @example
 * ```ts
 * const signal = fileSignal({ path: '/etc/kafka-active/cluster' });
 * ```
 * @public
 */
export function fileSignal(options: FileSignalOptions): Signal {
  checkFileSignal(options);
  const { path, pollMs = 1_000 } = options;
  return {
    name: `file ${path}`,
    watch: (world, tell) =>
      watchByPolling(world, { look: settledLooks(world, path, pollMs), pollMs }, tell),
  };
}

/** Looks that bring a reading only once two in a row were equal. */
function settledLooks(
  world: World,
  path: string,
  pollMs: number,
): (signal: AbortSignal) => Promise<Look> {
  const read = reader(world, path);
  let settled: Reading | undefined;
  return async (signal) => {
    let reading = await read(signal);
    for (let count = 1; reading.kind !== 'failed' && !isSame(reading, settled); count += 1) {
      await sleep(world, SETTLE_MS, { signal });
      const next = await read(signal);
      if (isSame(reading, next)) break;
      reading = count < MAX_READINGS ? next : failed('it is written to all the time');
    }
    settled = reading;
    return { reading, restMs: spread(world, pollMs) };
  };
}

function reader(world: World, path: string): (signal: AbortSignal) => Promise<Reading> {
  let pending: Promise<string | undefined> | undefined;
  return async (signal) => {
    // A read that hangs keeps one of Node's few file threads: once that is told, it is waited for, and no second one begun.
    if (pending !== undefined) return understood(await untilAborted(signal, pending));
    const read = world.readText(path, { maxBytes: MAX_BYTES }).finally(() => {
      pending = undefined;
    });
    pending = read;
    const deadlineAtMs = world.nowMs() + READ_LIMIT_MS;
    const result = await untilDeadline(world, deadlineAtMs, untilAborted(signal, read));
    return result.kind === 'settled'
      ? understood(result.value)
      : failed(`the file system did not answer within ${READ_LIMIT_MS} ms`);
  };
}

function understood(text: string | undefined): Reading {
  return text === undefined ? { kind: 'absent' } : readingOf(text);
}
