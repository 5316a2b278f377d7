import * as z from 'zod';
import { readAddress } from './signals/consul-address.js';

// Apart from the documentation of the options: what their users' compilers read must not lead to zod's types.

const text = z.string().min(1, 'must not be empty');

const key = z
  .string({ error: 'must be the name of a Consul key, for example "failover/orders"' })
  .min(1, 'must not be empty')
  .refine((value) => !value.startsWith('/'), "must not begin with a slash: Consul's keys do not")
  .refine(
    (value) => value.split('/').every((part) => part !== '.' && part !== '..'),
    'must hold no "." or ".." between slashes: addresses lose them on their way',
  )
  .refine(canBeEncoded, 'must be well-formed text');

const address = text.superRefine((value, context) => {
  const read = readAddress(value, { ssl: false });
  if (read.kind === 'refused') context.addIssue({ code: 'custom', message: read.because });
});

/** What an HTTP header can carry. */
const token = text.regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

const tls = z
  .strictObject(
    {
      caFile: text.optional(),
      certFile: text.optional(),
      keyFile: text.optional(),
      serverName: text.optional(),
      insecureSkipVerify: z.boolean().optional(),
    },
    "must be an object, for example { caFile: '/etc/consul/ca.pem' }",
  )
  .refine(
    ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
    'must have both certFile and keyFile, or none of them',
  );

type Text = z.ZodOptional<z.ZodString>;

/** @internal The options of everything that asks Consul about a key, for its own check. */
export const consulShape: {
  readonly key: z.ZodString;
  readonly address: Text;
  readonly token: Text;
  readonly tokenFile: Text;
  readonly datacenter: Text;
  readonly namespace: Text;
  readonly partition: Text;
  readonly tls: z.ZodOptional<z.ZodType>;
  readonly waitMs: z.ZodOptional<z.ZodInt>;
} = {
  key,
  address: address.optional(),
  token: token.optional(),
  tokenFile: text.optional(),
  datacenter: text.optional(),
  namespace: text.optional(),
  partition: text.optional(),
  tls: tls.optional(),
  waitMs: z.int().min(1_000).max(600_000).optional(),
};

/** @internal A token is given in one way. */
export function hasOneToken({
  token,
  tokenFile,
}: {
  token?: string | undefined;
  tokenFile?: string | undefined;
}): boolean {
  return token === undefined || tokenFile === undefined;
}

/** @internal What is said where it is given in two. */
export const twoTokens: { readonly path: string[]; readonly error: string } = {
  path: ['tokenFile'],
  error: 'must be left out where token is given',
};

function canBeEncoded(value: string): boolean {
  try {
    encodeURIComponent(value);
    return true;
  } catch {
    return false;
  }
}
