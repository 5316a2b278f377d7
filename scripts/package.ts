/**
 * Judges the package as npm would publish it: publint (strict), and "are the types wrong?" for every way of resolving
 * that a supported Node has. A finding that is accepted stands here with its reason; one that is not seen any more must go.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run } from './run.js';

interface AcceptedFinding {
  /** attw's name of the finding. */
  readonly kind: string;
  readonly entryPoint: string;
  readonly resolution: string;
  readonly reason: string;
}

const accepted: readonly AcceptedFinding[] = [
  {
    kind: 'NoResolution',
    entryPoint: './testing',
    resolution: 'node10',
    reason:
      'moduleResolution "node" reads no `exports`; the option is gone in TypeScript 7, and the root entry resolves',
  },
];

async function main(): Promise<void> {
  const folder = join(root, 'temp', `pack-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    const packed = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
    const [name] = await readdir(folder);
    if (packed.exitCode !== 0 || name === undefined) throw new Error(packed.output);
    const tarball = join(folder, name);
    const failures = [...(await runPublint(tarball)), ...(await runAttw(tarball))];
    for (const failure of failures) console.error(failure);
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runPublint(tarball: string): Promise<readonly string[]> {
  const { exitCode, output } = await run('publint', ['run', tarball, '--strict']);
  return exitCode === 0 ? [] : [`publint:\n${output}`];
}

/** The part of attw's JSON that is read here. */
interface AttwReport {
  readonly analysis: {
    readonly entrypoints?: Readonly<Record<string, unknown>>;
    readonly problems?: readonly {
      readonly kind: string;
      readonly entrypoint?: string;
      readonly resolutionKind?: string;
    }[];
  };
}

async function runAttw(tarball: string): Promise<readonly string[]> {
  const { output } = await run('attw', [tarball, '--format', 'json', '--no-definitely-typed']);
  const start = output.indexOf('{');
  const report = JSON.parse(output.slice(start)) as AttwReport;
  const entryPoints = Object.keys(report.analysis.entrypoints ?? {});
  const blind = ['.', './testing'].filter((name) => !entryPoints.includes(name));
  const problems = report.analysis.problems ?? [];
  const isAccepted = (problem: (typeof problems)[number], finding: AcceptedFinding): boolean =>
    problem.kind === finding.kind &&
    problem.entrypoint === finding.entryPoint &&
    problem.resolutionKind === finding.resolution;
  return [
    ...blind.map((name) => `attw: did not look at ${name}`),
    ...problems
      .filter((problem) => !accepted.some((finding) => isAccepted(problem, finding)))
      .map((problem) => `attw: ${JSON.stringify(problem)}`),
    ...accepted
      .filter((finding) => !problems.some((problem) => isAccepted(problem, finding)))
      .map(({ kind, entryPoint, resolution }) => {
        return `attw: accepted but not found any more: ${kind} ${entryPoint} ${resolution}`;
      }),
  ];
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
