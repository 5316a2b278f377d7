import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/**
 * One process for good: a process id alone is handed to somebody else once its owner has ended.
 *
 * @internal
 */
export interface ProcessIdentity {
  pid: number;
  /** Which machine and process namespace the id belongs to; empty where the system does not tell. */
  host: string;
  /** When the process started, in the system's own words; to be compared, not read. */
  startedAs: string;
}

/** @internal The identity of a living process, or undefined when there is none with this id. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAs = process.platform === 'linux' ? startTicks(pid) : startedByPs(pid);
  return startedAs === undefined ? undefined : { pid, host: hostIdentity(), startedAs };
}

/**
 * True when exactly this process still lives. A process of another container on the same machine cannot be looked at
 * from here and counts as alive: nobody's data is removed on a guess.
 *
 * @internal
 */
export function isAlive(identity: ProcessIdentity): boolean {
  const host = hostIdentity();
  const [boot, namespace] = identity.host.split(' ');
  const [hereBoot, hereNamespace] = host.split(' ');
  if (boot === hereBoot && namespace !== hereNamespace) return true;
  return host === identity.host && identify(identity.pid)?.startedAs === identity.startedAs;
}

/** @internal Kills (-9) this process, and never another one that has inherited its id. True if it was alive. */
export function killIfSame(identity: ProcessIdentity): boolean {
  if (identity.host !== hostIdentity() || !isAlive(identity)) return false;
  try {
    process.kill(identity.pid, 'SIGKILL');
    return true;
  } catch {
    return false; // It ended by itself between the look and the kill, or belongs to another user.
  }
}

/** @internal The state letter of a Linux process (`T` is stopped, `Z` ended but not yet collected). */
export function stateLetter(pid: number): string | undefined {
  return statFields(pid)?.[0];
}

function startTicks(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

/** The fields of /proc/PID/stat from the third on: the second is the command, in brackets, and may hold anything. */
function statFields(pid: number): string[] | undefined {
  const stat = readOrUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function startedByPs(pid: number): string | undefined {
  const text = readOrUndefined(() =>
    execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  return text?.trim() === '' ? undefined : text?.trim();
}

function hostIdentity(): string {
  const boot = readOrUndefined(() =>
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  );
  const namespace = readOrUndefined(() => readlinkSync('/proc/self/ns/pid'));
  return `${boot ?? ''} ${namespace ?? ''}`;
}

function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
