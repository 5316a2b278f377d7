import * as z from 'zod';
import type { FleetPart } from './agreement.js';

/** @internal What a decision says, with the part of the fleet taken out of it; or why that is none. */
export type SplitPart =
  | { readonly kind: 'split'; readonly only: FleetPart | undefined; readonly rest: unknown }
  | { readonly kind: 'refused'; readonly because: string };

const names = z.array(z.string().min(1));
const shape = z.strictObject({ groups: names, instances: names });

/** @internal Takes the part of the fleet out of what a decision says. Pure and total. */
export function splitPart(value: unknown): SplitPart {
  if (typeof value !== 'object' || value === null || !('only' in value)) {
    return { kind: 'split', only: undefined, rest: value };
  }
  const { only, ...rest } = value;
  const checked = shape.safeParse(only);
  return checked.success
    ? { kind: 'split', only: checked.data, rest }
    : { kind: 'refused', because: 'only: must have groups and instances, each a list of names' };
}
