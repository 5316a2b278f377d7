// oxlint-disable-next-line typescript/no-restricted-imports -- reads the source of the installed kafkajs, nothing else
import { readFileSync, statSync } from 'node:fs';
// oxlint-disable-next-line typescript/no-restricted-imports -- pure functions over paths
import { dirname, join, relative, sep } from 'node:path';

/** @internal Answers what a module exports. */
export type Load = (path: string) => unknown;

/** @internal What the loaded code sees instead of the process's own globals and of its own modules. */
export interface Surroundings {
  /** Globals by name, for example `setTimeout`. */
  readonly globals: Readonly<Record<string, unknown>>;
  /**
   * Modules that are replaced, by path below the package (`src/errors.js`). Each is made at its first use; `original`
   * loads the module that it stands for.
   */
  readonly modules: Readonly<Record<string, (original: () => unknown) => unknown>>;
}

interface LoadedModule {
  exports: unknown;
}

type ModuleBody = (
  exports: unknown,
  require: (id: string) => unknown,
  module: LoadedModule,
  ...globals: readonly unknown[]
) => void;

/**
 * Compiled module bodies and resolved paths, by file. They are the package's own code, the same in every world, and hold
 * no state: state arises only when a body is called.
 */
const bodies = new Map<string, ModuleBody>();
const resolutions = new Map<string, string>();

/**
 * Loads a copy of a CommonJS package whose code sees other globals and, in places, other modules. Each call makes a new
 * copy, with module state of its own; compiling happens once per process.
 *
 * @internal
 */
export function loadPackage(packageDir: string, surroundings: Surroundings): Load {
  const names = Object.keys(surroundings.globals);
  const values = Object.values(surroundings.globals);
  const loaded = new Map<string, LoadedModule>();

  const load = (file: string, isOriginal: boolean): LoadedModule => {
    const path = relative(packageDir, file).split(sep).join('/');
    const replacement = isOriginal ? undefined : surroundings.modules[path];
    const key = replacement === undefined ? file : `replaced ${file}`;
    const known = loaded.get(key);
    if (known !== undefined) return known;
    const module: LoadedModule = { exports: {} };
    // Registered before the body runs: modules may require one another in a circle.
    loaded.set(key, module);
    if (replacement !== undefined) module.exports = replacement(() => load(file, true).exports);
    else if (file.endsWith('.json')) module.exports = JSON.parse(readFileSync(file, 'utf8'));
    else bodyOf(file, names)(module.exports, requireFrom(file), module, ...values);
    return module;
  };

  const requireFrom = (from: string) => {
    // kafkajs requires the two files of a request each time it makes one.
    const known = new Map<string, LoadedModule>();
    return (id: string): unknown => {
      const module = known.get(id) ?? find(id);
      known.set(id, module);
      return module.exports;
    };
    function find(id: string): LoadedModule {
      return id.startsWith('.') ? load(resolve(from, id), false) : { exports: require(id) };
    }
  };

  return (path) => load(join(packageDir, path), false).exports;
}

function bodyOf(file: string, globalNames: readonly string[]): ModuleBody {
  const key = `${file} ${globalNames.join()}`;
  const known = bodies.get(key);
  if (known !== undefined) return known;
  const code = `${readFileSync(file, 'utf8')}\n//# sourceURL=${file}`;
  // Compiled in this module's own realm (unlike node:vm), so that a RegExp or Error made by a Jest test is one here too.
  // oxlint-disable-next-line typescript/no-implied-eval -- it is how a CommonJS module is run, Node does no other
  const body = new Function('exports', 'require', 'module', ...globalNames, code) as ModuleBody;
  bodies.set(key, body);
  return body;
}

function resolve(from: string, id: string): string {
  const key = `${from} ${id}`;
  const known = resolutions.get(key);
  if (known !== undefined) return known;
  const base = join(dirname(from), id);
  const file = [base, `${base}.js`, join(base, 'index.js')].find(isFile);
  if (file === undefined) throw new Error(`${from} requires ${id}, which is not there`);
  resolutions.set(key, file);
  return file;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
