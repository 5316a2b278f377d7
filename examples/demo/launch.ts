import { fork } from 'node:child_process';
import { join } from 'node:path';
import { nowMs, type Fact, type Order, type Service, type ServiceSettings } from './messages.js';
import { runService } from './services.js';

/** How long a service that has ended may take to leave its process, in milliseconds. */
const LEAVE_WITHIN_MS = 15_000;

/** Starts a service in a process of its own. */
export function launchProcess(settings: ServiceSettings): Service {
  const child = fork(join(__dirname, 'child.ts'), [JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
  });
  const facts = new Mailbox();
  let stderr = '';
  let ended = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-2000);
  });
  child.on('message', (fact: Fact) => {
    facts.put(fact);
    if (fact.kind !== 'ended') return;
    ended = true;
    setTimeout(() => {
      if (child.kill('SIGKILL')) facts.put({ kind: 'left-late', afterMs: LEAVE_WITHIN_MS });
    }, LEAVE_WITHIN_MS).unref();
  });
  const gone = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      if (!ended) {
        const how = signal === null ? `with code ${code ?? '?'}` : `by ${signal}`;
        const error = `process ended ${how} ${stderr}`.trim();
        facts.put({ kind: 'failed', error, atMs: nowMs() });
      }
      resolve();
    });
  });
  return {
    name: settings.name,
    order: (order) => {
      if (child.connected) child.send(order);
    },
    onFact: (listener) => facts.open(listener),
    gone,
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Starts the same service in this process, for clusters that live in its memory. */
export function launchHere(settings: ServiceSettings): Service {
  const facts = new Mailbox();
  const orders: ((order: Order) => void)[] = [];
  const gone = runService(settings, {
    tell: (fact) => facts.put(fact),
    onOrder: (listener) => orders.push(listener),
  });
  return {
    name: settings.name,
    order: (order) => {
      for (const listener of orders) listener(order);
    },
    onFact: (listener) => facts.open(listener),
    gone,
    // A service in this process cannot be killed alone: it ends with the process.
    kill: async () => {},
  };
}

/** Keeps facts until somebody listens. */
class Mailbox {
  readonly #waiting: Fact[] = [];
  #listener: ((fact: Fact) => void) | undefined;

  put(fact: Fact): void {
    if (this.#listener === undefined) this.#waiting.push(fact);
    else this.#listener(fact);
  }

  open(listener: (fact: Fact) => void): void {
    this.#listener = listener;
    for (const fact of this.#waiting.splice(0)) listener(fact);
  }
}
