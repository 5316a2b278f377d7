import { messageOf } from '../caught.js';
import type { HttpTls } from '../http.js';
import type { World } from '../world.js';
import type { ConsulSettings, ConsulTls, NamedFile, TokenSource } from './consul-settings.js';

/** @internal What a request carries, read anew for each: tokens and certificates are renewed while the service runs. */
export interface ConsulCredentials {
  readonly token: string | undefined;
  /** Undefined where TLS is not used. */
  readonly tls: HttpTls | undefined;
}

/**
 * Reads token and certificates.
 *
 * @throws Error - (rejects) a file is missing, empty or cannot be read; it is named, with who named it.
 * @internal
 */
export async function readCredentials(
  world: Pick<World, 'readText'>,
  { token, tls }: ConsulSettings,
): Promise<ConsulCredentials> {
  return { token: await readToken(world, token), tls: await readTls(world, tls) };
}

/** What an HTTP header can carry. */
const PRINTABLE = /^[\x21-\x7e]+$/;

async function readToken(
  world: Pick<World, 'readText'>,
  source: TokenSource,
): Promise<string | undefined> {
  if (source.kind === 'none') return undefined;
  const token = source.kind === 'text' ? source.text : (await readFile(world, source.file)).trim();
  if (PRINTABLE.test(token)) return token;
  const from = source.kind === 'text' ? source.namedBy : shown(source.file);
  throw new Error(`${from} holds no token: it must be printable ASCII without spaces`);
}

async function readTls(
  world: Pick<World, 'readText'>,
  tls: ConsulTls,
): Promise<HttpTls | undefined> {
  if (tls === undefined) return undefined;
  const { ca, cert, key, serverName, insecureSkipVerify } = tls;
  return {
    ...(ca === undefined ? {} : { ca: await readFile(world, ca) }),
    ...(cert === undefined ? {} : { cert: await readFile(world, cert) }),
    ...(key === undefined ? {} : { key: await readFile(world, key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: !insecureSkipVerify,
  };
}

async function readFile(world: Pick<World, 'readText'>, file: NamedFile): Promise<string> {
  let text: string | undefined;
  try {
    text = await world.readText(file.path);
  } catch (error) {
    throw new Error(`${shown(file)} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (text === undefined) throw new Error(`${shown(file)} does not exist`);
  return text;
}

function shown({ path, namedBy }: NamedFile): string {
  return `${namedBy} (${path})`;
}
