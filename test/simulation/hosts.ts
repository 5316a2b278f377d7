/** A machine: what is on its disk outlives the processes that run on it, one at a time. */
export class Host {
  readonly number: number;
  /** What is in the state file. */
  #text: string | undefined;
  /** What a process wanted to be there. */
  #wanted: string | undefined;
  /** What was written last. */
  #written: string | undefined;
  #isWritable = true;
  isFree = true;

  constructor(number: number) {
    this.number = number;
  }

  /** True where the file says what the last process here wanted it to say. */
  get isIntact(): boolean {
    return this.#text === this.#wanted;
  }

  /** True where it says what a process here wanted before, because the disk was full since. */
  get isOlder(): boolean {
    return !this.isIntact && this.#text !== undefined && this.#text === this.#written;
  }

  read(): string | undefined {
    return this.#text;
  }

  /** Rejects where the disk is full. */
  async write(text: string): Promise<void> {
    this.#wanted = text;
    if (!this.#isWritable) throw new Error('ENOSPC: no space left on device, write');
    this.#written = text;
    this.#text = text;
  }

  /** Half of the file is lost. */
  corrupt(): void {
    this.#text = this.#text?.slice(0, Math.floor(this.#text.length / 2));
  }

  /** The file is lost. */
  remove(): void {
    this.#text = undefined;
  }

  /** The disk is full, or has room again. */
  setWritable(isWritable: boolean): void {
    this.#isWritable = isWritable;
  }
}

/** The machines of a fleet. */
export class Hosts {
  readonly #hosts: Host[] = [];

  get all(): readonly Host[] {
    return this.#hosts;
  }

  /** One that nothing runs on, a new one if need be. */
  take(): Host {
    const free = this.#hosts.find(({ isFree }) => isFree);
    const host = free ?? new Host(this.#hosts.length + 1);
    if (free === undefined) this.#hosts.push(host);
    host.isFree = false;
    return host;
  }
}
