import { Buffer } from 'node:buffer';
import type { World } from '../world.js';

/** @internal What a {@link World} does with files of bytes. */
export type ByteFiles = Pick<World, 'appendTo' | 'readBytes' | 'listFiles' | 'removeFile'>;

/** @internal As the `World` does it, in a map of files. Every folder exists. Undefined: there are no files, and no folder. */
export function memoryFiles(files: Map<string, Uint8Array> | undefined): ByteFiles {
  const filesFor = async (path: string): Promise<Map<string, Uint8Array>> => {
    if (files === undefined) throw new Error(`there are no files in this world (${path})`);
    return files;
  };
  return {
    async appendTo(path) {
      const all = await filesFor(path);
      all.set(path, all.get(path) ?? new Uint8Array());
      return {
        async write(bytes) {
          all.set(path, Buffer.concat([all.get(path) ?? new Uint8Array(), bytes]));
        },
        async sync() {},
        async close() {},
      };
    },
    readBytes: async (path) => files?.get(path),
    async listFiles(directory) {
      const inside = `${directory}/`;
      return [...(await filesFor(directory)).keys()]
        .filter((path) => path.startsWith(inside) && !path.slice(inside.length).includes('/'))
        .map((path) => path.slice(inside.length));
    },
    async removeFile(path) {
      files?.delete(path);
    },
  };
}
