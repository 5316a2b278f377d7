/** @internal Why a server ended while it started, as far as its log tells. */
export interface EndExplained {
  sentence: string;
  /** The address was in use: another try may do. */
  isPortTaken: boolean;
}

/**
 * Reads the reason of a server's end out of what it has said since its start.
 *
 * @internal
 */
export function explainEnd(name: string, how: string, log: string): EndExplained {
  const isPortTaken = /Address already in use|BindException|was already in use/.test(log);
  if (isPortTaken) {
    return {
      isPortTaken,
      sentence: `${name} could not listen on its port: another process has taken it.`,
    };
  }
  if (/No space left on device|Disk quota exceeded/.test(log)) {
    return {
      isPortTaken,
      sentence: `${name} ended, because the disk is full: free some space and try again.`,
    };
  }
  if (/Could not reserve enough space|Cannot allocate memory|OutOfMemoryError/.test(log)) {
    return {
      isPortTaken,
      sentence: `${name} ended, because memory is short: the stack needs about 1 GiB.`,
    };
  }
  return { isPortTaken, sentence: `${name} ended while it started (${how}): ${reason(log)}` };
}

/** Why a server that runs is not ready yet, as far as its log tells. Empty when it tells of no error. */
export function lastError(log: string): string {
  const line = errorLine(log);
  return line === undefined ? '' : ` Its last error: ${shorten(line)}`;
}

/** The last line that names an error, without the logger's prefix; else the last line at all. */
function reason(log: string): string {
  return shorten(errorLine(log) ?? log.trim().split('\n').at(-1) ?? 'it said nothing');
}

function errorLine(log: string): string | undefined {
  return log
    .split('\n')
    .findLast((line) => /ERROR|FATAL|Exception|Error:/.test(line) && !/^\s+at /.test(line));
}

function shorten(line: string): string {
  return line.replace(/^[\d:.]+ \[[^\]]*\] /, '').slice(0, 400);
}
