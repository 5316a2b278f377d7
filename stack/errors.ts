/**
 * A failure that a person can do something about, told in one sentence.
 *
 * Commands print the message alone and exit with 1; everything else keeps its stack trace, because it is a fault of
 * this code.
 *
 * @internal
 */
export class StackError extends Error {
  override readonly name: string = 'StackError';
}

/** @internal True for an error of Node's that carries this code (`ENOENT`, `ENOSPC`, ...). */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** @internal An error's own words, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Says a failed file operation in one sentence where the disk is the reason; anything else is returned as it is.
 *
 * @internal
 */
export function explainDisk(error: unknown, path: string): unknown {
  const sentence = diskSentence(error, path);
  return sentence === undefined ? error : new StackError(sentence, { cause: error });
}

function diskSentence(error: unknown, path: string): string | undefined {
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) {
    return `The disk is full: nothing can be written below ${path}; free some space and try again.`;
  }
  if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM')) {
    return `${path} cannot be written by this user: change its owner or its permissions, and try again.`;
  }
  if (hasCode(error, 'EROFS')) {
    return `${path} is on a read-only file system: use a checkout on a disk that can be written.`;
  }
  if (hasCode(error, 'ENOTDIR') || hasCode(error, 'EEXIST')) {
    return `${path} cannot be made, because something that is not a directory stands in its place: move it away, and try again.`;
  }
  if (hasCode(error, 'EBUSY') || hasCode(error, 'EIO')) {
    return `The disk does not serve ${path} (${messageOf(error)}): try again when it is less busy, or look at its health.`;
  }
  return undefined;
}
