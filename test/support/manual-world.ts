import { memoryFiles } from '../../src/testing/memory-files.js';
import { type MemoryDns, memoryDns, readMemoryFile } from '../../src/testing/memory-sources.js';
import { answerRequest, type HttpHandler } from '../../src/testing/memory-http.js';
import type { World } from '../../src/world.js';

/** A world whose time moves only when a test says so. Timers fire in the order of their due times. */
export interface ManualWorld extends World {
  /** Moves time forward, firing what falls due, and lets promises settle in between. */
  advance(byMs: number): Promise<void>;
  /** Moves time forward while nothing runs: what fell due meanwhile fires late, all at once. */
  sleep(byMs: number): void;
  readonly environmentVariables: Map<string, string>;
  readonly files: Map<string, string>;
  readonly byteFiles: Map<string, Uint8Array>;
  /** Answers HTTP requests. Undefined, as it is at first: nobody listens. */
  http: HttpHandler;
  /** Answers questions to name servers. Undefined: no name server can be reached. */
  dns: MemoryDns | undefined;
  readonly timerCount: number;
  /** What `random()` answers. 0.5 unless set. */
  randomValue: number;
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

export function manualWorld(): ManualWorld {
  let nowMs = 0;
  let timers: { atMs: number; callback: () => void }[] = [];
  const environmentVariables = new Map<string, string>();
  const files = new Map<string, string>();
  const byteFiles = new Map<string, Uint8Array>();
  const world: ManualWorld = {
    nowMs: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    after(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    random: () => world.randomValue,
    randomValue: 0.5,
    createKafka: () => {
      throw new Error('no kafkajs in this test');
    },
    openSocket: () => {
      throw new Error('no sockets in this test');
    },
    environment: (name) => environmentVariables.get(name),
    readText: (path, limits) => readMemoryFile(files, path, limits),
    http: undefined,
    dns: undefined,
    request: (request) => answerRequest(world, request, world.http),
    dnsResolver: () => memoryDns(world.dns),
    writeText: (path, text) => Promise.resolve(void files.set(path, text)),
    ...memoryFiles(byteFiles),
    environmentVariables,
    files,
    byteFiles,
    get timerCount() {
      return timers.length;
    },
    sleep(byMs) {
      nowMs += byMs;
      const due = timers.filter((timer) => timer.atMs <= nowMs).sort((a, b) => a.atMs - b.atMs);
      timers = timers.filter((timer) => !due.includes(timer));
      for (const { callback } of due) callback();
    },
    async advance(byMs) {
      const untilMs = nowMs + byMs;
      await settle();
      for (;;) {
        const due = timers
          .filter((timer) => timer.atMs <= untilMs)
          .sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        nowMs = Math.max(nowMs, due.atMs);
        due.callback();
        await settle();
      }
      nowMs = untilMs;
    },
  };
  return world;
}
