/** What the work throws; fails where it throws nothing. */
export function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** What the promise rejects with; fails where it resolves. Errors of Kafka's protocol carry a `type`. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error & { type?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error('rejected with something that is no Error', { cause: error });
  }
  throw new Error('resolved, where a rejection was expected');
}
