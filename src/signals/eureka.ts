import { checkEurekaSignal } from '../options-signals.js';
import { unreachable } from '../unreachable.js';
import type { HttpTls } from '../http.js';
import type { World } from '../world.js';
import { type EurekaOpinion, readApplication } from './eureka-app.js';
import { judgeAnswer } from './http-answer.js';
import { HttpSource } from './http-source.js';
import { type Look, watchByPolling } from './polling.js';
import { spread } from '../wait.js';
import { failed } from './reading.js';
import type { Signal } from './signal.js';

/**
 * Which application of a Eureka server holds the opinion.
 *
 * @public
 */
export interface EurekaSignalOptions {
  /**
   * The server's URL with its prefix: `http://eureka.example.com:8761/eureka` (Spring Cloud), or `.../eureka/v2` (Netflix). User
   * info in it is sent as Basic authorization.
   */
  readonly url: string;
  /** Name of the application. Eureka does not tell its letter cases apart. */
  readonly app: string;
  /**
   * Key of the instances' metadata under which the text stands: an alias, or JSON `{ cluster, epoch, mode, reason }`. Default
   * `'kafka-cluster'`. Not together with `statusOf`.
   */
  readonly metadata?: string;
  /**
   * Instead of metadata: which cluster an instance stands for, by its instance id or virtual address. The one that is UP is the one
   * that should be active; taking it out of service (`PUT apps/<app>/<id>/status?value=OUT_OF_SERVICE`) takes its vote away. No
   * default.
   */
  readonly statusOf?: Readonly<Record<string, string>>;
  /** Header fields of every question, shown nowhere. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS settings for `https:`. Default: Node's own. */
  readonly tls?: HttpTls;
  /** Pause between two questions, in milliseconds; a tenth of it is jitter. At least 100. Default 30000, Eureka's own. */
  readonly pollMs?: number;
  /** How long a whole answer may take, in milliseconds. At least 100. Default 3000. */
  readonly timeoutMs?: number;
}

const DEFAULT_METADATA = 'kafka-cluster';

/**
 * What the instances of an application in Eureka say: all that are UP have to say the same. An unknown application, and one
 * with no instance UP, is no opinion; instances that disagree are a failure that names two of them.
 *
 * **Slow by nature.** Eureka's server answers from a cache of 30 s, clients ask every 30 s, and a dead instance is dropped after
 * 90 s and more, or not at all while the server protects itself, which is just when the network is in pieces. Changed metadata and
 * a status override come through within a minute or so with the defaults. It is a place to publish a decision, and no detector of
 * failures.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong.
 * @example
 * ```ts
 * const signal = eurekaSignal({ url: 'http://eureka.example.com:8761/eureka', app: 'KAFKA-CONTROL' });
 * ```
 * @public
 */
export function eurekaSignal(options: EurekaSignalOptions): Signal {
  checkEurekaSignal(options);
  const { url, app, headers = {}, tls, pollMs = 30_000, timeoutMs = 3_000 } = options;
  const opinion = opinionOf(options);
  const source = new HttpSource(
    { url, headers, tls, timeoutMs },
    `/apps/${encodeURIComponent(app)}`,
  );
  return {
    name: `eureka ${source.shown}${opinion.kind === 'metadata' ? `#${opinion.key}` : ''}`,
    watch: (world, tell) =>
      watchByPolling(world, { look: looks(world, source, { opinion, pollMs }), pollMs }, tell),
  };
}

function opinionOf({ metadata = DEFAULT_METADATA, statusOf }: EurekaSignalOptions): EurekaOpinion {
  return statusOf === undefined
    ? { kind: 'metadata', key: metadata }
    : { kind: 'status', aliases: new Map(Object.entries(statusOf)) };
}

function looks(
  world: World,
  source: HttpSource,
  { opinion, pollMs }: { opinion: EurekaOpinion; pollMs: number },
): (signal: AbortSignal) => Promise<Look> {
  return async (signal) => {
    const response = await source.ask(world, { headers: { accept: 'application/json' }, signal });
    const answer = judgeAnswer(response, { isConditional: false, wallMs: world.wallMs() });
    const restMs = spread(world, pollMs);
    switch (answer.kind) {
      case 'body':
        return { reading: readApplication(answer.body, opinion), restMs };
      case 'absent':
        return { reading: { kind: 'absent' }, restMs };
      case 'failed': {
        const atLeastMs = (answer.retryAfterMs ?? 0) + world.random() * pollMs;
        return { reading: failed(answer.because), restMs: Math.max(restMs, atLeastMs) };
      }
      case 'unchanged':
        throw new Error('the server answered 304 to a question without If-None-Match');
      default:
        return unreachable(answer);
    }
  };
}
