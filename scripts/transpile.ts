import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

/** One emitted file: its path (absolute) and text. */
export interface EmittedFile {
  readonly path: string;
  readonly text: string;
}

/** Packages that are ESM only and therefore copied into the CommonJS build, with everything they import. */
const bundledPackages = ['p-retry', 'is-network-error'] as const;

const common: BuildOptions = {
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  sourcemap: true,
  // Stack traces need the lines alone. With the sources inside the maps would be half of the package.
  sourcesContent: false,
  charset: 'utf8',
  write: false,
  logLevel: 'warning',
};

/** Transpiles source files one to one to CommonJS, as they would be written below `outDir`. */
export async function transpile(
  files: readonly string[],
  { root, sourceDir, outDir }: { root: string; sourceDir: string; outDir: string },
): Promise<readonly EmittedFile[]> {
  const result = await build({
    ...common,
    entryPoints: [...files],
    outbase: sourceDir,
    outdir: outDir,
    absWorkingDir: root,
  });
  return emitted(result.outputFiles).map(({ path, text }) => ({
    path,
    text: path.endsWith('.js') ? withoutDocs(text) : text,
  }));
}

/** Bundles the vendored modules, each into one CommonJS file that carries the licences of what is inside. */
export async function bundleVendored(
  files: readonly string[],
  { root, sourceDir, outDir }: { root: string; sourceDir: string; outDir: string },
): Promise<readonly EmittedFile[]> {
  const licences = await Promise.all(
    bundledPackages.map(async (name) => {
      const text = await readFile(join(root, 'node_modules', name, 'license'), 'utf8');
      return `${name}\n\n${text.trim()}`;
    }),
  );
  const result = await build({
    ...common,
    entryPoints: [...files],
    outbase: sourceDir,
    outdir: outDir,
    absWorkingDir: root,
    bundle: true,
    metafile: true,
    banner: { js: `/*!\nThis file contains:\n\n${licences.join('\n\n')}\n*/` },
  });
  refuseUnlicensed(Object.keys(result.metafile?.inputs ?? {}));
  return emitted(result.outputFiles);
}

/** A bundled package whose licence is not in the banner would be shipped without its copyright notice. */
function refuseUnlicensed(inputs: readonly string[]): void {
  for (const input of inputs) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name !== undefined && !bundledPackages.some((bundled) => bundled === name)) {
      throw new Error(
        `${name} would be bundled: add it to bundledPackages in scripts/transpile.ts`,
      );
    }
  }
}

/**
 * Makes an entry point look like kafkajs's own module object, which carries no `__esModule` mark: with the mark,
 * `import kafkajs from '...'` compiled by TypeScript or Babel to CommonJS would read a `default` that is not there.
 */
export function withoutModuleMark(text: string): string {
  const marked = '__copyProps(__defProp({}, "__esModule", { value: true }), mod)';
  if (text.split(marked).length !== 2) {
    throw new Error(
      'the entry point does not carry exactly one __esModule mark: did esbuild change?',
    );
  }
  return text.replace(marked, '__copyProps({}, mod)');
}

function emitted(
  files: readonly { path: string; text: string }[] | undefined,
): readonly EmittedFile[] {
  return (files ?? []).map(({ path, text }) => ({ path, text }));
}

/** The declarations have them. Their lines stay, so that the source maps stay right. */
function withoutDocs(code: string): string {
  return code.replaceAll(/^[ \t]*\/\*\*[^]*?\*\/[ \t]*$/gm, (docs) =>
    '\n'.repeat(docs.split('\n').length - 1),
  );
}
