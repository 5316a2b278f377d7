import * as z from 'zod';
import type { AgreementNews, MemberState } from './agreement.js';

/** @internal What a member said, understood or refused. */
export type ReadMember =
  | { readonly kind: 'member'; readonly member: MemberState }
  | { readonly kind: 'refused'; readonly because: string };

/** Members of other versions of the library may say more. */
const shape = z.object({
  instance: z.string().min(1),
  incarnation: z.string().min(1),
  sequence: z.int().min(0),
  cluster: z.string(),
  obeyedEpoch: z.int().min(0),
  groups: z.array(z.string()),
  wants: z.string().optional(),
});

/** @internal Understands what a member said of itself. Pure and total. */
export function readMember(text: string): ReadMember {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'refused', because: 'a member is no JSON' };
  }
  const checked = shape.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return {
      kind: 'refused',
      because: `a member: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    };
  }
  // One without a wish has `wants: undefined`, as everywhere else (exactOptionalPropertyTypes).
  const { wants, ...said } = checked.data;
  return { kind: 'member', member: { ...said, wants } };
}

/** @internal The text of what a member says. */
export function writeMember(member: MemberState): string {
  return JSON.stringify(member);
}

const farewell = z.object({ left: z.string().min(1), incarnation: z.string().min(1) });

/** @internal Understands a text that says that a member has left; undefined: it says something else. Pure and total. */
export function readFarewell(text: string): Extract<AgreementNews, { kind: 'left' }> | undefined {
  try {
    const { left, incarnation } = farewell.parse(JSON.parse(text));
    return { kind: 'left', instance: left, incarnation };
  } catch {
    return undefined;
  }
}

/** @internal The text that says that a member has left. */
export function writeFarewell({
  instance,
  incarnation,
}: Pick<MemberState, 'instance' | 'incarnation'>): string {
  return JSON.stringify({ left: instance, incarnation });
}
