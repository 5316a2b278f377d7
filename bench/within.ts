/**
 * Waits for `work`, and rejects with what was waited for when it takes too long: a benchmark that hangs says nothing.
 *
 * @internal
 */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overrun = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${limitMs / 1_000} s in vain for ${what}`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([work, overrun]);
  } finally {
    clearTimeout(timer);
  }
}
