import { parseArgs, type ParseArgsConfig } from 'node:util';
import { nearest } from '../src/nearest.js';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>
>;

/** Exit code of a command that was called wrongly: 1 says that it was carried out and something is wrong. */
const MISUSED = 2;

/** npm has a flag of this name itself, so that its presence in npm's environment says nothing. */
const NPMS_OWN = new Set(['json']);

/** A command of this repository, as a person calls it. */
export interface Command<T extends Options> {
  /** `npm run stack`. */
  readonly name: string;
  /** What `--help` prints. */
  readonly usage: string;
  readonly options: T;
  /** Takes words without dashes. Default false. */
  readonly takesWords?: boolean;
}

/**
 * Reads the command line of this process. `--help` prints the usage and ends the process with 0; what the command does not
 * know ends it with 2, in one sentence that names the nearest right word.
 */
export function readCommandLine<const T extends Options>(
  { name, usage, options, takesWords = false }: Command<T>,
  { argv: [, , ...args], env }: Pick<NodeJS.Process, 'argv' | 'env'> = process,
): Parsed<T> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    process.exit(0);
  }
  // What the usage does not name is not for people.
  const known = Object.keys(options).filter((option) => usage.includes(`--${option}`));
  const swallowed = known.find(
    (option) => !NPMS_OWN.has(option) && env[`npm_config_${option}`] !== undefined,
  );
  if (swallowed !== undefined) {
    const meant = ['--', ...args, `--${swallowed}`].join(' ');
    misused(name, `npm took --${swallowed} for itself; put -- in front: ${name} ${meant}.`);
  }
  const parsed = parse(args, options);
  if (typeof parsed === 'string') misused(name, explain(parsed, known));
  const [word] = parsed.positionals;
  if (word !== undefined && !takesWords) misused(name, `Unexpected argument "${word}".`);
  return parsed;
}

/** What was parsed, or Node's words about why not. */
function parse<T extends Options>(args: string[], options: T): Parsed<T> | string {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Says what is wrong with a command line, and ends the process. */
export function misused(name: string, sentence: string): never {
  console.error(`${sentence} See: ${name} -- --help`);
  process.exit(MISUSED);
}

/** Node's own words are right about values, and long-winded about options that do not exist. */
function explain(message: string, known: readonly string[]): string {
  const [, unknown] = /^Unknown option '-*([^' ]+)/.exec(message) ?? [];
  if (unknown === undefined) return `${message.split('\n')[0]?.replace(/\.$/, '')}.`;
  const best = nearest(unknown, known);
  if (best !== undefined) return `Unknown option --${unknown}. Did you mean --${best}?`;
  return known.length === 0
    ? `Unknown option --${unknown}: it takes none.`
    : `Unknown option --${unknown}. Its options: ${known.map((option) => `--${option}`).join(', ')}.`;
}
