import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { StackError } from './errors.js';
import { withLock } from './lock.js';
import { findOnPath } from './preflight.js';
import { ToolFailure, runTool } from './tool.js';

/** @internal A server that Debian has in a package. */
export interface DebianServer {
  /** The name of its program. */
  readonly program: string;
  /** The name of its package. */
  readonly packageName: string;
  /** Whose tests need it: "DNS". */
  readonly neededFor: string;
}

/** @internal How it is looked for and installed. */
export interface InstallOptions {
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** One line per step, for people. */
  onProgress?: (message: string) => void;
}

/** @internal Absolute path of the program, or undefined. Where Debian puts servers is not on every user's PATH. */
export function findDebianServer(
  { program }: DebianServer,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const path = [env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
  return findOnPath(program, { PATH: path });
}

/**
 * The path of the program, installed from Debian's packages where it is missing, and this user may do so.
 *
 * @throws StackError - there is none, and it cannot be installed.
 * @internal
 */
export async function ensureDebianServer(
  server: DebianServer,
  cacheDirectory: string,
  { env = process.env, onProgress }: InstallOptions = {},
): Promise<string> {
  const { program, packageName, neededFor } = server;
  const found = await findDebianServer(server, env);
  if (found !== undefined) return found;
  const apt = await findOnPath('apt-get', env);
  if (apt === undefined || process.getuid?.() !== 0) {
    throw new StackError(
      `The tests of ${neededFor} need ${program}, and there is none: install it (on Debian: ${packageName}).`,
    );
  }
  onProgress?.(`installing ${packageName} with apt-get (once)`);
  await mkdir(cacheDirectory, { recursive: true });
  await withLock(join(cacheDirectory, 'apt.lock'), async () => {
    if ((await findDebianServer(server, env)) === undefined) {
      await install(packageName, { apt, directory: cacheDirectory, env });
    }
  });
  const installed = await findDebianServer(server, env);
  if (installed === undefined) {
    throw new StackError(
      `apt-get has installed ${packageName}, and there is no ${program} all the same.`,
    );
  }
  return installed;
}

async function install(
  packageName: string,
  { apt, directory, env }: { apt: string; directory: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  const run = (...args: string[]): Promise<void> =>
    runTool({
      name: 'apt-get',
      command: apt,
      args,
      directory,
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  const installing = ['install', '--yes', '--no-install-recommends', packageName];
  try {
    // A fresh machine has no list of packages yet, or an old one.
    await run(...installing).catch(async () => {
      await run('update');
      await run(...installing);
    });
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error;
    throw new StackError(
      `apt-get could not install ${packageName} (${error.lastLine}): install it by hand.`,
      { cause: error },
    );
  }
}
