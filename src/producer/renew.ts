import { ENDLESS_RETRIES, retry, untilAborted } from '../wait.js';
import type { ProducerCore } from './core.js';
import type { InnerProducer } from './inner-producer.js';

/**
 * Puts a new inner producer of the same session in the place of one whose sequence numbers are of no use any more: it gets a new producer id, and what was
 * kept back goes on with it. Never rejects. With a transaction open nothing is done: the new one would fence it. The next transaction begins on a new one by itself.
 *
 * @internal
 */
export async function renew(core: ProducerCore, broken: InnerProducer): Promise<void> {
  const { state, transactions } = core;
  const { world, relay, sends } = core.parts;
  if (state.kind !== 'open' || state.inner !== broken || broken.overtaken) return;
  if ([...transactions].some(({ isOver }) => !isOver)) return;
  const fresh = core.makeInner(broken.session);
  const { signal } = broken.session;
  const isCurrent = (): boolean => core.state === state;
  const policy = { ...ENDLESS_RETRIES, signal, shouldRetry: isCurrent };
  try {
    await untilAborted(
      signal,
      retry(world, policy, () => fresh.producer.connect()),
    );
  } catch {
    // A switch, or the end, has overtaken it: what was kept back is its to judge.
    fresh.retire();
    return;
  }
  if (!isCurrent() || signal.aborted) {
    fresh.retire();
    return;
  }
  core.open(fresh);
  relay.attach(fresh.producer);
  broken.retire();
  sends.resumeKeptBack();
}
