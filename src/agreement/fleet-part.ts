import * as z from 'zod';
import type { FleetPart } from './agreement.js';

const names = z.array(z.string().min(1));
const shape = z.looseObject({ only: z.strictObject({ groups: names, instances: names }) });

/**
 * Takes the part of the fleet out of a decision's text. What is none stays in the rest, where it is refused by its name. Pure and total.
 *
 * @internal
 */
export function splitPart(text: string): {
  readonly only: FleetPart | undefined;
  readonly rest: string;
} {
  if (!text.includes('"only"')) return { only: undefined, rest: text };
  try {
    const { only, ...rest } = shape.parse(JSON.parse(text));
    return { only, rest: JSON.stringify(rest) };
  } catch {
    return { only: undefined, rest: text };
  }
}
