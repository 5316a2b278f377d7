import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A temporary directory that is gone after the test, with a `bin` for commands that stand in for real ones. */
export interface Sandbox {
  directory: string;
  /** An environment whose PATH is `bin` and nothing else; commands in `bin` may use the shell's own words only. */
  env: NodeJS.ProcessEnv;
  /** Puts a shell script in `bin`. */
  command(name: string, script: string): Promise<string>;
}

export async function makeSandbox(): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), 'stack-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const bin = join(directory, 'bin');
  await mkdir(bin);
  return {
    directory,
    env: { PATH: bin },
    command: async (name, script) => {
      const file = join(bin, name);
      await writeFile(file, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o755);
      return file;
    },
  };
}

/** What `java -version` prints. */
export function javaVersion(version: string): string {
  return `echo 'openjdk version "${version}" 2025-04-15' >&2`;
}
