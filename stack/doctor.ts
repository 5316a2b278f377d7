import { readCommandLine } from '../scripts/command-line.js';
import { messageOf } from './errors.js';
import { examine } from './examine.js';
import type { Finding } from './examine.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';

const usage = `npm run doctor: looks at what the stack needs on this machine, and names what it lacks. Starts and installs nothing.
  --json   one line of JSON
Exit code 1 if anything is missing.`;

const marks: Record<Finding['verdict'], string> = { ok: 'ok  ', note: 'note', missing: 'LACK' };

/** `npm run doctor`: what this machine lacks for the stack, one line each. Exit code 1 if anything is missing. */
async function main(): Promise<number> {
  const { values } = readCommandLine({
    name: 'npm run doctor',
    usage,
    options: { json: { type: 'boolean', default: false } },
  });
  const findings = await examine({
    env: process.env,
    layout: cacheLayout(cacheDirectoryFrom(process.env)),
    nodeVersion: process.version,
    platform: process.platform,
    availableMemoryBytes: process.availableMemory(),
  });
  const ok = findings.every((each) => each.verdict !== 'missing');
  if (values.json) {
    console.log(JSON.stringify({ ok, findings }));
  } else {
    for (const { name, verdict, says } of findings)
      console.log(`${marks[verdict]}  ${name.padEnd(9)} ${says}`);
    console.log(ok ? 'The stack can start: npm run stack -- up' : 'The stack cannot start yet.');
  }
  return ok ? 0 : 1;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(messageOf(error));
    process.exitCode = 1;
  },
);
