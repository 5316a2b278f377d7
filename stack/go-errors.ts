import { StackError } from './errors.js';

const unreachable =
  /no such host|i\/o timeout|connection refused|connection reset|network is unreachable|no route to host|TLS handshake timeout|x509: [^\n]*|proxyconnect [^\n]*|server misbehaving|unexpected EOF|(?:: |status )(?:403 Forbidden|407 Proxy Authentication Required|5\d\d [A-Za-z ]+)|module lookup disabled by GOPROXY=off/i;

/**
 * One sentence for what `go build` printed before it gave up.
 *
 * @internal
 */
export function explainGo(log: string, what: string): StackError {
  return new StackError(sentence(log, what));
}

function sentence(log: string, what: string): string {
  if (/no space left on device|disk quota exceeded/i.test(log)) {
    return `The disk became full while Go built ${what}: free some space (Go's own caches grow by some gigabytes) and try again.`;
  }
  const tooOld = /requires go >= (\S+) \(running go (\S+);/.exec(log);
  if (tooOld !== null) {
    return `${what} needs Go ${tooOld[1]} or newer, and the one on the PATH is Go ${tooOld[2]}: install a newer one.`;
  }
  if (/read-only file system|permission denied/i.test(log)) {
    return `Go could not write while it built ${what} (${firstError(log)}): check the owner of its caches (go env GOCACHE GOMODCACHE).`;
  }
  const reason = unreachable.exec(log)?.[0].replace(/^: /, '');
  if (reason !== undefined) {
    return `Go could not reach its module proxy to build ${what} (${reason}): check the network, or GOPROXY.`;
  }
  return `Go could not build ${what}: ${firstError(log)}`;
}

/** The last lines say what stopped it; before them it lists what it downloads. */
function firstError(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((each) => !/^(go: )?(downloading|finding|found|extracting) /.test(each));
  return (line ?? lines.at(-1) ?? 'it said nothing').trim().slice(0, 400);
}
