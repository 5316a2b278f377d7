import { createServer } from 'node:net';
import { StackError } from './errors.js';

/** @internal Everything listens here and nowhere else. */
export const loopback = '127.0.0.1';

/**
 * Ports are taken below the range from which systems draw the source ports of outgoing connections (32768 and up on
 * Linux, 49152 and up elsewhere), not by binding to port 0, which hands out just those. There, a client that keeps
 * trying to reach a killed broker can be given the broker's own port as its source, and TCP then connects it to itself;
 * or somebody's outgoing connection sits on the port when the broker wants it back.
 */
const firstPort = 20_000;
const portCount = 12_000;

/**
 * Finds ports on loopback that nobody listens on right now. Another process may still take one before the server binds
 * it: whoever starts a server tries again with others then.
 *
 * @throws StackError - when 200 random ports in a row were taken.
 * @internal
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 200 && found.size < count; attempt += 1) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) {
    throw new StackError(
      `No free ports were found on ${loopback} between ${firstPort} and ${firstPort + portCount}: stop what listens there.`,
    );
  }
  return [...found];
}

/** @internal True when a server could listen on this port of loopback now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: loopback, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
