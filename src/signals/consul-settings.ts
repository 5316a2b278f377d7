import type { ConsulSignalOptions } from '../options-consul.js';
import { type ConsulAddress, readAddress } from './consul-address.js';

/** @internal A file, and who named it: `tls.caFile`, `CONSUL_CACERT`. */
export interface NamedFile {
  readonly path: string;
  readonly namedBy: string;
}

/** @internal Where the token is found. */
export type TokenSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string; readonly namedBy: string }
  | { readonly kind: 'file'; readonly file: NamedFile };

/** @internal What options and environment say together. */
export interface ConsulSettings {
  readonly address: ConsulAddress;
  readonly token: TokenSource;
  readonly tls: ConsulTls;
  /** Datacenter, namespace and partition, as parameters of every question. */
  readonly scope: readonly (readonly [name: string, value: string])[];
}

/** @internal Undefined where TLS is not used. */
export type ConsulTls =
  | {
      readonly ca: NamedFile | undefined;
      readonly cert: NamedFile | undefined;
      readonly key: NamedFile | undefined;
      readonly serverName: string | undefined;
      readonly insecureSkipVerify: boolean;
    }
  | undefined;

/** @internal Settings, or what is wrong with the environment: the options were checked before. */
export type ReadSettings =
  | { readonly kind: 'settings'; readonly settings: ConsulSettings }
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Options first, then the environment variables of Consul's own command line, with their meaning there (hashicorp/consul
 * `api/api.go`, `defaultConfig` and `NewClient`). What Consul only warns of, a flag that is no boolean, is refused. Pure.
 *
 * @param environment - an environment variable, or undefined.
 * @internal
 */
export function readSettings(
  options: ConsulSignalOptions,
  environment: (name: string) => string | undefined,
): ReadSettings {
  const variables = new Variables(environment);
  const fromVariable =
    options.address === undefined ? variables.text('CONSUL_HTTP_ADDR') : undefined;
  const read = readAddress(options.address ?? fromVariable ?? DEFAULT_ADDRESS, {
    ssl: variables.flag('CONSUL_HTTP_SSL') ?? false,
  });
  if (read.kind === 'refused') {
    return { kind: 'refused', because: `CONSUL_HTTP_ADDR: ${read.because}` };
  }
  const settings = {
    address: read.address,
    token: tokenSource(options, variables),
    tls: read.address.base.startsWith('https:') ? tlsSettings(options, variables) : undefined,
    scope: scope(options, variables),
  };
  const [problem] = variables.problems;
  return problem === undefined
    ? { kind: 'settings', settings }
    : { kind: 'refused', because: problem };
}

const DEFAULT_ADDRESS = '127.0.0.1:8500';

function tokenSource(options: ConsulSignalOptions, variables: Variables): TokenSource {
  if (options.tokenFile !== undefined) {
    return { kind: 'file', file: { path: options.tokenFile, namedBy: 'tokenFile' } };
  }
  if (options.token !== undefined) return { kind: 'text', text: options.token, namedBy: 'token' };
  // Consul's own order: a file goes before the variable that holds the token itself.
  const file = variables.file('CONSUL_HTTP_TOKEN_FILE');
  if (file !== undefined) return { kind: 'file', file };
  const text = variables.text('CONSUL_HTTP_TOKEN');
  return text === undefined
    ? { kind: 'none' }
    : { kind: 'text', text, namedBy: 'CONSUL_HTTP_TOKEN' };
}

function tlsSettings({ tls = {} }: ConsulSignalOptions, variables: Variables): ConsulTls {
  const { caFile, certFile, keyFile, serverName, insecureSkipVerify } = tls;
  const cert = named(certFile, 'tls.certFile') ?? variables.file('CONSUL_CLIENT_CERT');
  // Certificate and key belong together: never one of the options and one of the environment.
  const key =
    certFile === undefined ? variables.file('CONSUL_CLIENT_KEY') : named(keyFile, 'tls.keyFile');
  if ((cert === undefined) !== (key === undefined)) {
    variables.problems.push('CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY: set both, or none of them');
  }
  return {
    ca: named(caFile, 'tls.caFile') ?? variables.file('CONSUL_CACERT'),
    cert,
    key,
    serverName: serverName ?? variables.text('CONSUL_TLS_SERVER_NAME'),
    insecureSkipVerify: insecureSkipVerify ?? variables.flag('CONSUL_HTTP_SSL_VERIFY') === false,
  };
}

function scope(
  { datacenter, namespace, partition }: ConsulSignalOptions,
  variables: Variables,
): ConsulSettings['scope'] {
  const parameters = [
    ['dc', datacenter],
    ['ns', namespace ?? variables.text('CONSUL_NAMESPACE')],
    ['partition', partition ?? variables.text('CONSUL_PARTITION')],
  ] as const;
  return parameters.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
}

function named(path: string | undefined, namedBy: string): NamedFile | undefined {
  return path === undefined ? undefined : { path, namedBy };
}

/** The words of Go's `strconv.ParseBool`, which Consul reads its flags with. */
const TRUE_WORDS = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE_WORDS = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** The environment, and what is wrong with it. */
class Variables {
  readonly problems: string[] = [];
  readonly #environment: (name: string) => string | undefined;

  constructor(environment: (name: string) => string | undefined) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    const value = this.#environment(name)?.trim();
    return value === '' ? undefined : value;
  }

  file(name: string): NamedFile | undefined {
    return named(this.text(name), name);
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (TRUE_WORDS.includes(value)) return true;
    if (!FALSE_WORDS.includes(value)) {
      this.problems.push(`${name}: must be true or false, got ${JSON.stringify(value)}`);
    }
    return false;
  }
}
