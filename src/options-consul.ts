import * as z from 'zod';
import { consulShape, hasOneToken, twoTokens } from './options-consul-shape.js';
import { checkOptions } from './options-error.js';

/**
 * How a Consul agent's certificate is checked, and what is shown to it. Files are read before each request, so renewed
 * ones are taken at the next.
 *
 * @public
 */
export interface ConsulTlsOptions {
  /** Path of the certificates that are trusted, as PEM. Default: `CONSUL_CACERT`, else what the system trusts. */
  readonly caFile?: string;
  /** Path of the client's own certificate, as PEM; only together with `keyFile`. Default: `CONSUL_CLIENT_CERT`. */
  readonly certFile?: string;
  /** Path of the key of `certFile`, as PEM. Default: `CONSUL_CLIENT_KEY`. */
  readonly keyFile?: string;
  /** The name that the agent's certificate must carry. Default: `CONSUL_TLS_SERVER_NAME`, else the host of the address. */
  readonly serverName?: string;
  /** True accepts any certificate. Default: true where `CONSUL_HTTP_SSL_VERIFY` is false, else false. */
  readonly insecureSkipVerify?: boolean;
}

/**
 * Which key is watched, and how its Consul is reached. Where an option is left out, the environment variable of Consul's
 * own command line counts; the environment is read when the watch begins. An empty variable counts as none.
 *
 * @public
 */
export interface ConsulSignalOptions {
  /** The key that holds an alias or JSON, for example `kafka/active`. Slashes are kept, everything else is encoded. */
  readonly key: string;
  /**
   * `http://host:port`, `https://host:port`, `host:port` or `unix:///path`; the path of a gateway may follow. Default:
   * `CONSUL_HTTP_ADDR`, else `http://127.0.0.1:8500`. Where `CONSUL_HTTP_SSL` is true TLS is used, also with `http:`.
   */
  readonly address?: string;
  /** An ACL token that may read the key (`key:read`); sent in a header only. Default: `CONSUL_HTTP_TOKEN`, else none. */
  readonly token?: string;
  /**
   * Path of a file that holds the token, read before each request: a renewed one is taken at the next. Excludes `token`.
   * Default: `CONSUL_HTTP_TOKEN_FILE`, which goes before `CONSUL_HTTP_TOKEN`.
   */
  readonly tokenFile?: string;
  /** The Consul datacenter that holds the key. Default: that of the agent. Keys are not replicated between datacenters. */
  readonly datacenter?: string;
  /** The namespace of the key (Consul Enterprise). Default: `CONSUL_NAMESPACE`, else that of the token. */
  readonly namespace?: string;
  /** The admin partition of the key (Consul Enterprise). Default: `CONSUL_PARTITION`, else that of the agent. */
  readonly partition?: string;
  /** For `https:`; nothing of it is used without TLS. */
  readonly tls?: ConsulTlsOptions;
  /**
   * How long Consul holds a question back while nothing changes, in milliseconds, 1000 to 600000 (Consul's own limit). It
   * does not delay a change, which is told at once; a connection that died in silence is noticed after this time, a
   * sixteenth of it (Consul spreads its answers) and two seconds. Must be shorter than the limits of proxies in between.
   * Default 15000.
   */
  readonly waitMs?: number;
}

const shape = z
  .strictObject(consulShape, "must be an object, for example consulSignal({ key: 'kafka/active' })")
  .refine(hasOneToken, twoTokens);

/**
 * Checks what `consulSignal` is given.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkConsulSignal(options: unknown): void {
  checkOptions(shape, options, { at: ['consulSignal'] });
}
