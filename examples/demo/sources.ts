import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startConsul } from '../../stack/index.js';
import type { SourceAddress } from './messages.js';
import type { PlaygroundOptions } from './playground.js';

/** The outside source that an operator writes to, and that the services follow. */
export interface Source {
  /** In words. */
  readonly description: string;
  /** Where the services find it. */
  readonly address: SourceAddress;
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

const KEY = 'kafka/active';

/** Opens the source of a strategy; undefined where it follows none. */
export async function openSource(options: PlaygroundOptions): Promise<Source | undefined> {
  switch (options.strategy) {
    case 'consul':
      return consulSource(options);
    case 'file':
      return fileSource();
    default:
      return undefined;
  }
}

async function consulSource({ signal, onProgress }: PlaygroundOptions): Promise<Source> {
  const consul = await startConsul({ name: 'demo-consul', signal, onProgress });
  const { address } = consul;
  return {
    description: `Consul is up; its key ${KEY} is followed`,
    address: { kind: 'consul', address, key: KEY },
    write: (text) => consul.put(KEY, text),
    close: () => consul.stop(),
  };
}

async function fileSource(): Promise<Source> {
  const folder = await mkdtemp(join(tmpdir(), 'kafkajs-failover-demo-'));
  const path = join(folder, 'active');
  return {
    description: 'a file is followed',
    address: { kind: 'file', path },
    async write(text) {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
