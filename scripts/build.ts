/**
 * Builds `dist`: types by tsc, code by esbuild.
 *
 * Every source file becomes one CommonJS file, so `.` and `./testing` share one copy of every module, stack traces name
 * real files, and Jest in CommonJS mode loads it. Only `src/vendor` is bundled, because p-retry is ESM only. A thin ESM
 * facade per entry point imports the CommonJS file and re-exports each name: however the package is loaded, there is one
 * copy of its state and of its error classes.
 *
 * All is made in `temp/` and put in the place of `dist` at the end, so `dist` is never half built and keeps no stale file.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { readCommandLine } from './command-line.js';
import { bundleVendored, transpile, withoutModuleMark, type EmittedFile } from './transpile.js';

const root = join(__dirname, '..');
const sourceDir = join(root, 'src');
const outDir = join(root, 'dist');
const entryPoints = ['index', 'testing/index'] as const;

const usage = `npm run build: makes dist/ from src/ (types by tsc, code by esbuild), for CommonJS and ES modules.
It takes no options. Exit code 1 if it fails; the old dist/ then stays.`;

async function main(): Promise<void> {
  readCommandLine({ name: 'npm run build', usage, options: {} });
  const startedAtMs = performance.now();
  const stage = join(root, 'temp', `dist-${process.pid}`);
  try {
    const [fileCount] = await Promise.all([emitCode(stage), emitTypes(stage)]);
    for (const entry of entryPoints) await emitFacade(stage, entry);
    await replaceDirectory(stage, outDir);
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`built ${fileCount} modules in ${seconds} s`);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function emitCode(stage: string): Promise<number> {
  const names = await readdir(sourceDir, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => join(sourceDir, name));
  const isVendored = (file: string): boolean => relative(sourceDir, file).startsWith('vendor');
  const where = { root, sourceDir, outDir };
  const outputs = await Promise.all([
    transpile(
      files.filter((file) => !isVendored(file)),
      where,
    ),
    bundleVendored(files.filter(isVendored), where),
  ]);
  const entryFiles: readonly string[] = entryPoints.map((entry) => join(outDir, `${entry}.js`));
  await Promise.all(
    outputs.flat().map(async (output: EmittedFile) => {
      const text = entryFiles.includes(output.path) ? withoutModuleMark(output.text) : output.text;
      await write(join(stage, relative(outDir, output.path)), text);
    }),
  );
  return files.length;
}

async function emitTypes(stage: string): Promise<void> {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const args = ['-p', join(root, 'tsconfig.build.json'), '--outDir', stage, '--pretty', 'false'];
  try {
    await promisify(execFile)(tsc, args, { cwd: root });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`tsc -p tsconfig.build.json failed\n${output}`, { cause: error });
  }
  // Its declarations name the ESM-only p-retry, which CommonJS consumers cannot resolve; no public type needs them.
  await rm(join(stage, 'vendor', 'p-retry.d.ts'));
  const names = await readdir(stage, { recursive: true });
  const declarations = names.filter((name) => name.endsWith('.d.ts'));
  await Promise.all(declarations.map((name) => dropInternalDocs(join(stage, name))));
}

/** What is not for users keeps the mark that says so, and no words: no editor shows them. */
async function dropInternalDocs(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const docs = /\/\*\*(?:(?!\*\/)[^])*@internal(?:(?!\*\/)[^])*\*\//g;
  const marked = text.replaceAll(docs, '/** @internal */');
  // Their members have no mark of their own.
  const bodies =
    /(?<=\/\*\* @internal \*\/\nexport (?:declare )?(?:abstract )?(?:interface|class) )[^]*?\n\}/g;
  const withoutDocs = (body: string): string => body.replaceAll(/^ +\/\*\*[^]*?\*\/\n/gm, '');
  await writeFile(path, marked.replaceAll(bodies, withoutDocs));
}

/** Writes the ESM facade of one entry point: each run-time name, and kafkajs's own default export, the whole module. */
async function emitFacade(stage: string, entry: (typeof entryPoints)[number]): Promise<void> {
  const module: unknown = createRequire(__filename)(join(stage, `${entry}.js`));
  if (typeof module !== 'object' || module === null) throw new Error(`${entry}.js exports nothing`);
  const names = Object.keys(module).filter((name) => name !== 'default');
  const code = [
    "import all from './index.js';",
    '',
    'export default all;',
    ...names.map((name) => `export const ${name} = all.${name};`),
    '',
  ].join('\n');
  const types = "export * from './index.js';\nexport { default } from './index.js';\n";
  await write(join(stage, `${entry}.mjs`), code);
  await write(join(stage, `${entry}.d.mts`), types);
}

async function replaceDirectory(from: string, to: string): Promise<void> {
  const old = `${from}-old`;
  if (existsSync(to)) await rename(to, old);
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
