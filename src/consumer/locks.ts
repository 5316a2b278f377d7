import type { World } from '../world.js';
import type { Gate } from './gate.js';

/** @internal How a handler waits for its turn. */
export interface WaitForTurn {
  readonly world: World;
  /** How often the waiting member shows that it lives, in milliseconds. */
  readonly paceMs: number;
  heartbeat(): Promise<void>;
  /** Closed: nobody waits any longer. */
  readonly gate: Gate;
}

/**
 * One handler at a time for one logical partition. In order of arrival; whoever waits keeps its group membership by
 * heartbeats, as kafkajs has no background heartbeat.
 *
 * @internal
 */
export class PartitionLock {
  readonly #waiting: (() => void)[] = [];
  #isHeld = false;
  /** Handlers of older epochs that run without having asked. */
  #looseCount = 0;
  #olderCount = 0;

  get isBusy(): boolean {
    return this.#isHeld || this.#looseCount > 0;
  }

  /** True while a handler of an older epoch still runs. */
  get isOlderRunning(): boolean {
    return this.#olderCount > 0;
  }

  /** Does something when it is its turn. Rejects as {@link acquire}, and where the gate has closed meanwhile. */
  async inTurn(wait: WaitForTurn, work: () => Promise<void>): Promise<void> {
    const { gate } = wait;
    await this.acquire(wait);
    if (!gate.isOpen) {
      this.release();
      return gate.refuse();
    }
    try {
      await work();
    } finally {
      this.release();
    }
  }

  /** Resolves when it is the caller's turn. Rejects with what a heartbeat rejected with, or with the gate's error. */
  acquire({ world, paceMs, heartbeat, gate }: WaitForTurn): Promise<void> {
    if (!this.isBusy) {
      this.#isHeld = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      let cancelTimer = (): void => {};
      let removeListener = (): void => {};
      const end = (): void => {
        cancelTimer();
        removeListener();
      };
      const granted = (): void => {
        end();
        resolve();
      };
      // Does nothing once the turn was granted: then the caller has the lock, and looks at the gate itself.
      const giveUp = (error: unknown): void => {
        const index = this.#waiting.indexOf(granted);
        if (index < 0) return;
        this.#waiting.splice(index, 1);
        end();
        reject(error);
      };
      const pace = (): void => {
        cancelTimer = world.after(paceMs, () => {
          heartbeat().then(() => {
            if (this.#waiting.includes(granted)) pace();
          }, giveUp);
        });
      };
      this.#waiting.push(granted);
      pace();
      removeListener = gate.onClosed(giveUp);
    });
  }

  release(): void {
    this.#isHeld = false;
    this.#passOn();
  }

  #passOn(): void {
    if (this.isBusy) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isHeld = true;
    next();
  }

  /**
   * A handler of an epoch that is over may still be running, until `end`. With `isHolder` false it runs without the lock,
   * and takes it without asking; several may, one for each log of the partition, and the lock is free when all have ended.
   */
  leftOver(end: Promise<unknown>, { isHolder }: { isHolder: boolean }): void {
    this.#olderCount += 1;
    if (!isHolder) this.#looseCount += 1;
    const ended = (): void => {
      this.#olderCount -= 1;
      if (isHolder) return;
      this.#looseCount -= 1;
      this.#passOn();
    };
    end.then(ended, ended);
  }
}

/**
 * The locks of one consumer, by logical partition. They outlive its inner consumers, so that a handler that overran a
 * switch and one of the new epoch never meet.
 *
 * @internal
 */
export class PartitionLocks {
  readonly #locks = new Map<string, PartitionLock>();

  of(topic: string, partition: number): PartitionLock {
    const key = `${partition} ${topic}`;
    const known = this.#locks.get(key);
    if (known !== undefined) return known;
    const lock = new PartitionLock();
    this.#locks.set(key, lock);
    return lock;
  }

  /** The lock, where somebody has it. */
  busy(topic: string, partition: number): PartitionLock | undefined {
    const lock = this.#locks.get(`${partition} ${topic}`);
    return lock?.isBusy === true ? lock : undefined;
  }
}
