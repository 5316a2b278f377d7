import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..', '..');

/** What the package may load at run time. p-retry is not among them: it is inside the package. */
const runtimePackages = ['kafkajs', 'eventemitter3', 'lru-cache', 'zod'] as const;

export interface Finished {
  readonly exitCode: number;
  readonly output: string;
}

/** A project of a user, in a folder of its own, that has installed the package as npm packs it. */
export interface Consumer {
  readonly folder: string;
  /** Where the package was unpacked. */
  readonly installed: string;
  /** Writes files of the project, by path. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs node, as a user would, in the project. */
  node(...args: readonly string[]): Promise<Finished>;
  /** Runs a tool of the repository in the project, by the path of its script below `node_modules`. */
  tool(script: string, ...args: readonly string[]): Promise<Finished>;
  remove(): Promise<void>;
}

/**
 * Packs the built package and unpacks it into a new project outside the repository, so that nothing of the repository can
 * be found by accident. What it depends on is linked from the repository: no registry is needed.
 */
export async function installPacked(): Promise<Consumer> {
  if (!existsSync(join(root, 'dist'))) throw new Error('dist is missing: npm run build');
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kafkajs-failover-consumer-')));
  const installed = join(folder, 'node_modules', 'kafkajs-failover');
  await mkdir(installed, { recursive: true });
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  await execute('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], folder);
  for (const name of [...runtimePackages, '@types/node']) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link);
  }
  const write: Consumer['write'] = async (files) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  await write({ 'package.json': '{ "name": "consumer", "private": true }\n' });
  return {
    folder,
    installed,
    write,
    node: (...args) => attempt(process.execPath, args, folder),
    tool: (script, ...args) =>
      attempt(process.execPath, [join(root, 'node_modules', script), ...args], folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Runs npm in the repository. */
export async function npm(...args: readonly string[]): Promise<string> {
  return (await execute('npm', args, root)).stdout;
}

function execute(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ stdout: string; stderr: string }> {
  // A user's process: nothing of the test runner's environment reaches it.
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...env } = process.env;
  return promisify(execFile)(command, args, { cwd, env, maxBuffer: 64 * 2 ** 20 });
}

async function attempt(command: string, args: readonly string[], cwd: string): Promise<Finished> {
  try {
    const { stdout, stderr } = await execute(command, args, cwd);
    return { exitCode: 0, output: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error;
    const exitCode = 'code' in error && typeof error.code === 'number' ? error.code : 1;
    return { exitCode, output: `${String(error.stdout)}${String(error.stderr)}` };
  }
}
