import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explainDisk } from './errors.js';
import { explainGo } from './go-errors.js';
import { withLock } from './lock.js';
import { stackDirectory } from './paths.js';
import { consulVersion, findGo } from './preflight.js';
import { removeDirectory } from './runs.js';
import { ToolFailure, runTool } from './tool.js';

/** @internal Options of {@link ensureConsul}. */
export interface EnsureConsulOptions {
  cacheDirectory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  onProgress?: ((message: string) => void) | undefined;
}

const name = `Consul ${consulVersion}`;

/** Some five minutes on two idle cores; half an hour was seen on busy ones. */
const buildTimeoutMs = 60 * 60_000;

/**
 * The path of Consul's executable, from the cache, else built by Go into it. With a filled cache neither Go nor a network
 * is needed. Several processes may call this at once: one builds, the others wait for it.
 *
 * @throws StackError - Go is missing, its module proxy cannot be reached, the disk is full.
 * @internal
 */
export async function ensureConsul(options: EnsureConsulOptions): Promise<string> {
  const { cacheDirectory, env, signal, onProgress } = options;
  const cached = await findConsul(cacheDirectory);
  if (cached !== undefined) return cached;
  await findGo(env); // Before the wait for a lock: a missing Go is told at once.
  try {
    await mkdir(cacheDirectory, { recursive: true });
    return await withLock(
      join(cacheDirectory, `consul-${consulVersion}.lock`),
      async () => (await findConsul(cacheDirectory)) ?? (await buildConsul(options)),
      {
        signal,
        onWait: ({ pid }) => onProgress?.(`waiting for process ${pid}, which builds ${name}`),
      },
    );
  } catch (error) {
    throw explainDisk(error, cacheDirectory);
  }
}

/** @internal The cached executable, or undefined. Looks at the disk only; what it finds is complete. */
export async function findConsul(cacheDirectory: string): Promise<string | undefined> {
  const file = join(home(cacheDirectory), 'consul');
  return access(file, constants.X_OK).then(
    () => file,
    () => undefined,
  );
}

async function buildConsul(options: EnsureConsulOptions): Promise<string> {
  const { cacheDirectory, env, signal, onProgress } = options;
  onProgress?.(`building ${name} with Go (once, some minutes)`);
  await removeAbandoned(cacheDirectory);
  const draft = join(
    cacheDirectory,
    `${draftPrefix}${process.pid}-${randomBytes(3).toString('hex')}`,
  );
  try {
    for (const folder of ['module', 'tmp', 'out']) {
      await mkdir(join(draft, folder), { recursive: true });
    }
    // A copy: Go writes into it what it finds out about the dependencies.
    await copyFile(join(stackDirectory, 'consul', 'go.mod'), join(draft, 'module', 'go.mod'));
    await runTool({
      name: 'Go',
      command: await findGo(env),
      args: [
        'build',
        '-mod=mod',
        '-trimpath',
        '-ldflags=-s -w',
        ...['-o', join(draft, 'out', 'consul')],
        'github.com/hashicorp/consul',
      ],
      directory: join(draft, 'module'),
      // No C compiler is needed, no workspace around the cache counts, and a killed build leaves nothing in /tmp.
      env: { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOTMPDIR: join(draft, 'tmp') },
      signal,
      timeoutMs: buildTimeoutMs,
    }).catch((error: unknown) => {
      throw error instanceof ToolFailure ? explainGo(error.log, name) : error;
    });
    await rm(home(cacheDirectory), { recursive: true, force: true }); // An incomplete one of somebody else.
    await rename(join(draft, 'out'), home(cacheDirectory));
  } finally {
    await removeDirectory(draft);
  }
  return join(home(cacheDirectory), 'consul');
}

const draftPrefix = `.build-consul-${consulVersion}-`;

function home(cacheDirectory: string): string {
  return join(cacheDirectory, `consul-${consulVersion}`);
}

/** Only the holder of the lock makes such directories: others belong to builds that were killed. */
async function removeAbandoned(cacheDirectory: string): Promise<void> {
  for (const each of await readdir(cacheDirectory)) {
    if (each.startsWith(draftPrefix)) await removeDirectory(join(cacheDirectory, each));
  }
}
