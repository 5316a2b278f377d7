import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(__dirname, '..', '..');

/** Loaded as they are: kafkajs is read from its files once more, and esbuild brings a program of its own. */
const EXTERNAL = ['kafkajs', 'esbuild'];

/** A program as one file of plain JavaScript. */
export interface Compiled {
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * Compiles a program and all that it imports. A loader that compiles at run time gives every function its name by a call,
 * each time the function is made (esbuild's `keepNames`): a fifth of a simulation's time.
 *
 * The file lies below `temp/`, where it finds kafkajs.
 */
export async function compile(entryPoint: string): Promise<Compiled> {
  const temp = join(root, 'temp');
  await mkdir(temp, { recursive: true });
  const folder = await mkdtemp(join(temp, 'simulation-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const file = join(folder, 'main.cjs');
  try {
    await build({
      entryPoints: [entryPoint],
      outfile: file,
      bundle: true,
      external: EXTERNAL,
      platform: 'node',
      format: 'cjs',
      target: 'node20.19',
      logLevel: 'warning',
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return { file, remove };
}
