import * as z from 'zod';
import { failed, isSame, readingOf } from './reading.js';
import type { Reading } from './signal.js';

/** @internal What of an instance counts. */
export type EurekaOpinion =
  /** The text under this key of its metadata. */
  | { readonly kind: 'metadata'; readonly key: string }
  /** The alias that stands for its id, or for one of its virtual addresses. */
  | { readonly kind: 'status'; readonly aliases: ReadonlyMap<string, string> };

const instanceShape = z.object({
  instanceId: z.string().optional(),
  hostName: z.string().optional(),
  status: z.string(),
  // Netflix's and Spring's servers write it both ways.
  overriddenStatus: z.string().optional(),
  overriddenstatus: z.string().optional(),
  vipAddress: z.string().optional(),
  secureVipAddress: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

const shape = z.object({
  application: z.object({
    // A single one stands there without a list around it, by some versions of the server.
    instance: z.union([z.array(instanceShape), instanceShape.transform((single) => [single])]),
  }),
});

type Instance = z.output<typeof instanceShape>;

/** How much of a text is shown where instances disagree, in characters. */
const SHOWN_CHARACTERS = 60;

/**
 * What the instances of an application say together. Those that are not UP do not count; of the others each has to say the
 * same, those that say nothing included. Pure and total.
 *
 * @internal
 */
export function readApplication(body: string, opinion: EurekaOpinion): Reading {
  const instances = parse(body);
  if (instances === undefined)
    return failed('the answer is not what a Eureka server says of an app');
  const said = instances
    .filter(isUp)
    .map((instance) => ({ who: nameOf(instance), reading: readInstance(instance, opinion) }));
  const [first, ...others] = said;
  if (first === undefined) return { kind: 'absent' };
  const broken = said.find(({ reading }) => reading.kind === 'failed');
  if (broken?.reading.kind === 'failed') return failed(`${broken.who}: ${broken.reading.because}`);
  const other = others.find(({ reading }) => !isSame(reading, first.reading));
  if (other === undefined) return first.reading;
  const both = [first, other].map(({ who, reading }) => `${who} says ${shown(reading)}`);
  return failed(`its instances disagree: ${both.join(', ')}`);
}

function parse(body: string): readonly Instance[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const parsed = shape.safeParse(value);
  return parsed.success ? parsed.data.application.instance : undefined;
}

/** The override wins: an instance goes on to report UP while an operator has taken it out. */
function isUp({ status, overriddenStatus, overriddenstatus }: Instance): boolean {
  const override = overriddenStatus ?? overriddenstatus ?? 'UNKNOWN';
  return status === 'UP' && (override === 'UNKNOWN' || override === 'UP');
}

function nameOf({ instanceId, hostName }: Instance): string {
  return instanceId ?? hostName ?? 'an instance without a name';
}

function readInstance(instance: Instance, opinion: EurekaOpinion): Reading {
  if (opinion.kind === 'metadata') {
    const value = instance.metadata?.[opinion.key];
    // Numbers and booleans: some versions of the server unwrap texts that look like them.
    const isScalar =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    if (isScalar) return readingOf(String(value));
    return value === undefined || value === null
      ? { kind: 'absent' }
      : failed(`its metadata ${opinion.key} is no text`);
  }
  const { instanceId = '', vipAddress = '', secureVipAddress = '' } = instance;
  const names = [instanceId, ...`${vipAddress},${secureVipAddress}`.split(',')];
  const aliases = new Set(names.flatMap((name) => opinion.aliases.get(name.trim()) ?? []));
  const [alias, ...more] = aliases;
  if (alias === undefined) return failed('it stands not in the option statusOf');
  return more.length === 0
    ? readingOf(alias)
    : failed(`it stands for several clusters: ${[...aliases].join(', ')}`);
}

function shown(reading: Reading): string {
  if (reading.kind !== 'value') return 'nothing';
  const { text } = reading;
  const isLong = text.length > SHOWN_CHARACTERS;
  return JSON.stringify(isLong ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text);
}
