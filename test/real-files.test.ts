import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendToFile, filesIn, readBytesOf, readTextFile, removeFile } from '../src/real-files.js';
import { makeSandbox } from './stack/sandbox.js';

async function fileWith(content: string | Buffer): Promise<string> {
  const { directory } = await makeSandbox();
  const path = join(directory, 'file');
  await writeFile(path, content);
  return path;
}

describe('reading a file', () => {
  it.each([[{}], [{ maxBytes: 1_000 }]])('gives its text: %j', async (options) => {
    expect(await readTextFile(await fileWith('Grüße\n'), options)).toBe('Grüße\n');
    expect(await readTextFile(await fileWith(''), options)).toBe('');
  });

  it.each([[{}], [{ maxBytes: 1_000 }]])(
    'gives undefined where it is missing, also behind a link: %j',
    async (options) => {
      const { directory } = await makeSandbox();
      await symlink('nowhere', join(directory, 'link'));
      expect(await readTextFile(join(directory, 'link'), options)).toBeUndefined();
      expect(await readTextFile(join(directory, 'no', 'file'), options)).toBeUndefined();
    },
  );

  it('takes exactly as many bytes as are allowed, and not one more', async () => {
    const path = await fileWith('ü'.repeat(50));
    expect(await readTextFile(path, { maxBytes: 100 })).toHaveLength(50);
    await expect(readTextFile(path, { maxBytes: 99 })).rejects.toThrow('holds more than 99 bytes');
  });

  it('does not read on in an endless file', async () => {
    await expect(readTextFile('/dev/zero', { maxBytes: 10 })).rejects.toThrow('no regular file');
  });

  it('marks what is not UTF-8', async () => {
    const path = await fileWith(Buffer.from([0x41, 0xff]));
    expect(await readTextFile(path, { maxBytes: 10 })).toBe('A\uFFFD');
  });

  it('rejects a directory', async () => {
    const { directory } = await makeSandbox();
    await mkdir(join(directory, 'folder'));
    await expect(readTextFile(join(directory, 'folder'), { maxBytes: 10 })).rejects.toThrow(
      'is no regular file',
    );
    await expect(readTextFile(join(directory, 'folder'))).rejects.toThrow('EISDIR');
  });
});

describe('a file of bytes', () => {
  it('grows at its end, also where it was there before, and is for its owner only', async () => {
    const { directory } = await makeSandbox();
    const path = join(directory, 'file');
    for (const [one, two] of [
      [[1, 2], [3]],
      [[4], [0xff, 0]],
    ] as const) {
      const file = await appendToFile(path);
      await file.write(Uint8Array.from(one));
      await file.sync();
      await file.write(Uint8Array.from(two));
      await file.close();
    }
    expect([...(await readFile(path))]).toEqual([1, 2, 3, 4, 0xff, 0]);
    expect([...((await readBytesOf(path)) ?? [])]).toEqual([1, 2, 3, 4, 0xff, 0]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('needs its folder', async () => {
    const { directory } = await makeSandbox();
    await expect(appendToFile(join(directory, 'no', 'file'))).rejects.toThrow('ENOENT');
  });

  it.runIf(process.platform === 'linux')('says where the disk is full', async () => {
    const file = await appendToFile('/dev/full');
    await expect(file.write(Uint8Array.of(1))).rejects.toThrow('ENOSPC');
    await file.close();
  });

  it('is undefined where it is missing, and no folder', async () => {
    const { directory } = await makeSandbox();
    expect(await readBytesOf(join(directory, 'no', 'file'))).toBeUndefined();
    await expect(readBytesOf(directory)).rejects.toThrow('EISDIR');
  });

  it('can be removed, once or twice', async () => {
    const path = await fileWith('text');
    await removeFile(path);
    await removeFile(path);
    expect(await readBytesOf(path)).toBeUndefined();
  });

  it('is listed in its folder, and folders are not', async () => {
    const { directory } = await makeSandbox();
    await writeFile(join(directory, 'file'), '');
    await mkdir(join(directory, 'folder'));
    expect(await filesIn(directory)).toEqual(['file']);
    await expect(filesIn(join(directory, 'no'))).rejects.toThrow('ENOENT');
  });
});
