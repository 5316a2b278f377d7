import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      { readonly optionalDependencies?: Readonly<Record<string, string>>; resolved?: string }
    >
  >;
}

async function readLock(): Promise<Lock> {
  const path = join(import.meta.dirname, '..', '..', 'package-lock.json');
  return JSON.parse(await readFile(path, 'utf8')) as Lock;
}

it('locks the packages of every platform: npm ci refuses a lock that lacks one (npm run lock)', async () => {
  const { packages } = await readLock();
  const locked = new Set(
    Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/'))),
  );
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  expect(wanted.length).toBeGreaterThan(50);
  expect(wanted.filter((name) => !locked.has(`node_modules/${name}`))).toEqual([]);
});

it('names no registry in the lock, so that any will do', async () => {
  const { packages } = await readLock();
  const named = Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined);
  expect(named.map(([path]) => path)).toEqual([]);
});
