/** @internal Where an agent listens. */
export interface ConsulAddress {
  /** `http://host:8500`, with the path of a gateway in front where there is one, and without a slash at its end. */
  readonly base: string;
  /** Path of a Unix socket, which is connected to instead of the host. */
  readonly socketPath: string | undefined;
  /** As people write it. */
  readonly shown: string;
}

/** @internal An address, understood or refused. */
export type ReadAddress =
  | { readonly kind: 'address'; readonly address: ConsulAddress }
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Understands an address as Consul's own client does (hashicorp/consul `api/api.go`, `NewClient`): with a scheme or
 * without, and never without TLS where TLS was asked for, whatever the scheme. Pure and total.
 *
 * @param options.ssl - TLS was asked for (`CONSUL_HTTP_SSL`).
 * @internal
 */
export function readAddress(text: string, { ssl }: { ssl: boolean }): ReadAddress {
  const [, scheme = '', rest = text] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case 'unix':
      return rest.startsWith('/')
        ? found({ base: `${ssl ? 'https' : 'http'}://localhost`, socketPath: rest, shown: text })
        : refused('a Unix socket needs an absolute path: unix:///run/consul.sock');
    case 'https':
      return readHost(`https://${rest}`);
    case 'http':
    case '':
      return readHost(`${ssl ? 'https' : 'http'}://${rest}`);
    default:
      return refused('must begin with http://, https:// or unix://, or be "host:port"');
  }
}

function readHost(text: string): ReadAddress {
  // First, because nothing that follows may show it.
  if (text.includes('@')) return refused('must hold no user name and no password: use a token');
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return refused('is no address: write "host:port" or "https://host:port"');
  }
  if (url.search !== '' || url.hash !== '')
    return refused('must end with the path, if there is one');
  const base = `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
  return found({ base, socketPath: undefined, shown: base });
}

function found(address: ConsulAddress): ReadAddress {
  return { kind: 'address', address };
}

function refused(because: string): ReadAddress {
  return { kind: 'refused', because };
}
