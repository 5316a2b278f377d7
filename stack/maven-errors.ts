import { StackError } from './errors.js';

const unreachable =
  /UnknownHost|unknown host|Name or service not known|Temporary failure in name resolution|No route to host|Network is unreachable|Connection refused|Connection timed out|connect timed out|Connect to .* failed|timed out|PKIX path|SSLHandshake|Connection reset|status code: (?:403|407|5\d\d)|in offline mode/i;

/** @internal What Maven was to fetch. */
export interface WantedArtifact {
  /** For people: "Kafka 4.3.1". */
  name: string;
  /** As Maven writes it: group, artifact, type and version. */
  artifact: string;
  /** What to do where the repository does not have it. */
  remedy: string;
}

/**
 * One sentence for what Maven printed before it gave up.
 *
 * @internal
 */
export function explainMaven(log: string, wanted: WantedArtifact): StackError {
  return new StackError(sentence(log, wanted));
}

function sentence(log: string, { name, artifact, remedy }: WantedArtifact): string {
  if (/No space left on device|Disk quota exceeded/i.test(log)) {
    return `The disk became full while Maven fetched ${name}: free some space and try again.`;
  }
  if (/Read-only file system|AccessDenied|Permission denied/i.test(log)) {
    return `Maven could not write while it fetched ${name} (${firstError(log)}): check the owner of its local repository (~/.m2).`;
  }
  if (unreachable.test(log)) {
    return `Maven could not reach its repository to fetch ${name} (${reason(log)}): check the network, or the mirror and proxy in Maven's settings.xml.`;
  }
  if (log.includes(artifact)) return `The Maven repository has no ${name}: ${remedy}.`;
  return `Maven could not fetch ${name}: ${firstError(log)}`;
}

function reason(log: string): string {
  return unreachable.exec(log)?.[0] ?? 'no answer';
}

/** Maven's first [ERROR] line says what is wrong; the others say where to read about it. */
function firstError(log: string): string {
  const line =
    log.split('\n').find((each) => each.includes('[ERROR]')) ?? log.trim().split('\n').at(-1);
  return (line ?? 'it said nothing').replace('[ERROR]', '').trim().slice(0, 400);
}
