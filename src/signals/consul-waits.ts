import type { RetryPolicy } from '../wait.js';
import type { ConsulRequest } from './consul-client.js';

/** @internal How long a question is held back, where nobody says, in milliseconds. */
export const DEFAULT_WAIT_MS = 15_000;

/** @internal After a failure: at once, then ever more rarely, at most five seconds later. */
export const CONSUL_BACKOFF: Omit<RetryPolicy, 'signal'> = {
  firstDelayMs: 250,
  maxDelayMs: 5_000,
  retries: Infinity,
};

/** Consul spreads the ends of waits over a sixteenth of the wait (`agent/consul/rpc.go`, `rpcQueryTimeout`). */
const WAIT_SPREAD = 1 / 16;

/** What network and agent may add to a wait. */
const WAIT_SLACK_MS = 2_000;

/** @internal A question that Consul holds back until something has changed since `index`, or `waitMs` is over. */
export function waitingFor(
  index: bigint,
  waitMs: number,
): Pick<ConsulRequest, 'parameters' | 'timeoutMs'> {
  return {
    parameters: [
      ['index', index.toString()],
      ['wait', `${waitMs}ms`],
    ],
    timeoutMs: Math.ceil(waitMs * (1 + WAIT_SPREAD)) + WAIT_SLACK_MS,
  };
}
