/**
 * Completes `package-lock.json` after an install from a registry that serves this machine's platform only.
 *
 * Tools with native parts (oxlint, esbuild, ...) name one optional package per platform. npm leaves those that its
 * registry does not serve out of the lock, and `npm ci` then refuses the lock everywhere, here too. This adds them, by
 * name and version, with the platform that their name tells; a complete lock is left as it is.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './run.js';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  packages: Record<string, LockedPackage>;
}

async function complete(): Promise<void> {
  const path = join(root, 'package-lock.json');
  const lock = JSON.parse(await readFile(path, 'utf8')) as Lock;
  const added = missingPackages(lock);
  for (const [location, entry] of added) lock.packages[location] = entry;
  const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  if (added.length > 0) await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${added.length} packages of other platforms added to package-lock.json`);
}

function missingPackages({ packages }: Lock): readonly [string, LockedPackage][] {
  return Object.entries(packages).flatMap(([dependent, { dev, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !candidates(dependent, name).some((location) => location in packages))
      .map(([name, version]): [string, LockedPackage] => {
        const { os, cpu, libc } = platformOf(name);
        // In npm's own order, so that it has nothing to rewrite.
        const entry = {
          version,
          cpu,
          ...(dev === undefined ? {} : { dev }),
          ...(libc === undefined ? {} : { libc }),
          optional: true,
          os,
        };
        return [`node_modules/${name}`, entry];
      }),
  );
}

/** Where Node would look for a package that `dependent` requires. */
function candidates(dependent: string, name: string): readonly string[] {
  const parents = dependent.split('/node_modules/').map((_, index, parts) => {
    return parts.slice(0, parts.length - index).join('/node_modules/');
  });
  return [...parents.map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`];
}

const platform =
  /(?<os>android|darwin|freebsd|linux|openharmony|win32)-(?<cpu>arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64)(?:-(?<abi>\w+))?$/;

interface Platform {
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc?: readonly string[];
}

function platformOf(name: string): Platform {
  const { os, cpu, abi } = platform.exec(name)?.groups ?? {};
  if (os === undefined || cpu === undefined) {
    throw new Error(`The platform of the optional package ${name} is not in its name.`);
  }
  if (os !== 'linux' || abi === undefined) return { os: [os], cpu: [cpu] };
  return { os: [os], cpu: [cpu], libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] };
}

complete().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
