import { Buffer } from 'node:buffer';
import { messageOf } from '../caught.js';
import type { World } from '../world.js';
import type { KeptGeneration } from './generation.js';
import type { Ledger } from './ledger.js';
import { SpoolFile } from './spool-file.js';
import { readSpooled, type SpooledFile } from './spool-format.js';
import { readState } from './spool-state.js';

/** @internal What {@link loadSpool} needs. */
export interface SpoolLoad {
  readonly world: World;
  readonly ledger: Ledger;
  readonly aliases: readonly string[];
  readonly directory: string;
  readonly statePath: string;
  /** How the names of files begin that this life has written. */
  readonly ownNames: string;
  /** A generation is taken up. */
  onGeneration(number: number, name: string): void;
  /** A file is, with its segment. */
  onFile(file: SpoolFile): void;
  /** Something cannot be. */
  onFailed(path: string, because: string): void;
}

const NAME = /^\d{15}-[0-9a-f]{6}-\d{8}\.ledger$/;

/**
 * Takes up what earlier lives of the process have left, file by file, the oldest first. What cannot be read is told; then the ledger knows that it does not know all.
 * Never rejects.
 *
 * @internal
 */
export async function loadSpool(load: SpoolLoad): Promise<void> {
  const { world, directory, ownNames } = load;
  const loading = new Loading(load);
  let names: readonly string[] = [];
  try {
    names = await world.listFiles(directory);
  } catch (error) {
    loading.damaged(directory, messageOf(error));
  }
  await loading.takeState();
  const earlier = names.filter((name) => NAME.test(name) && !name.startsWith(ownNames));
  for (const name of earlier.toSorted()) await loading.takeFile(`${directory}/${name}`);
}

class Loading {
  readonly #load: SpoolLoad;
  /** Numbers of generations, by name. */
  readonly #generations = new Map<string, number>();

  constructor(load: SpoolLoad) {
    this.#load = load;
  }

  async takeState(): Promise<void> {
    const { world, ledger, aliases, statePath } = this.#load;
    try {
      const text = await world.readText(statePath);
      if (text === undefined) return;
      const { generations, damaged } = readState(text);
      for (const cluster of damaged) ledger.damaged(cluster);
      for (const [name, kept] of generations) {
        if (aliases.includes(kept.cluster)) this.#generation(name, kept);
      }
    } catch (error) {
      this.damaged(statePath, messageOf(error));
    }
  }

  async takeFile(path: string): Promise<void> {
    const { world, aliases, onFailed } = this.#load;
    let bytes: Uint8Array | undefined;
    try {
      bytes = await world.readBytes(path);
    } catch (error) {
      this.damaged(path, messageOf(error));
    }
    if (bytes === undefined) return;
    const read = readSpooled(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    if (read.kind === 'empty') {
      this.damaged(path, 'it ends before its first record');
      // It would be told for ever.
      await world.removeFile(path).catch(() => {});
    } else if (read.kind === 'unreadable') {
      this.damaged(path, read.because);
    } else if (aliases.includes(read.head.cluster)) {
      this.#takeSegment(path, bytes.length, read);
    } else {
      onFailed(
        path,
        `it is of cluster ${read.head.cluster}, which is none of ${aliases.join(', ')}`,
      );
    }
  }

  #takeSegment(
    path: string,
    bytes: number,
    { head, entries, end }: Extract<SpooledFile, { kind: 'segment' }>,
  ): void {
    const { world, ledger, onFile } = this.#load;
    const { generation, cluster, switchEpoch } = head;
    const number = this.#generation(generation, { cluster, switchEpoch, logs: [] });
    if (end.kind === 'open') ledger.cut(number);
    if (end.kind === 'damaged') this.damaged(path, end.because, [cluster]);
    try {
      ledger.restoreSegment(number, entries, (segment) =>
        onFile(SpoolFile.restored(world, path, segment, { head, bytes })),
      );
    } catch (error) {
      this.damaged(path, messageOf(error), [cluster]);
    }
  }

  /** Something of these clusters is lost. */
  damaged(path: string, because: string, clusters: readonly string[] = this.#load.aliases): void {
    for (const cluster of clusters) this.#load.ledger.damaged(cluster);
    this.#load.onFailed(path, because);
  }

  #generation(name: string, kept: KeptGeneration): number {
    const known = this.#generations.get(name);
    if (known !== undefined) return known;
    const number = this.#load.ledger.restore(kept);
    this.#generations.set(name, number);
    this.#load.onGeneration(number, name);
    return number;
  }
}
