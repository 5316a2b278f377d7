/**
 * Waits for all, then fails with the first failure: nothing is left running unseen.
 *
 * @internal
 */
export async function settleAll(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * Starts all at once. The first failure aborts the others, so that nobody waits for a server that can no longer come
 * up, and is what the promise rejects with once all have ended.
 *
 * @internal
 */
export async function startAll(
  starts: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const first = new AbortController();
  const cut = signal === undefined ? first.signal : AbortSignal.any([first.signal, signal]);
  await settleAll(
    starts.map(async (start) => {
      try {
        await start(cut);
      } catch (error) {
        first.abort(error);
        throw first.signal.reason;
      }
    }),
  );
}
