import { unreachable } from './unreachable.js';

/**
 * Something that a switch needs, or goes better with, and that is not there. What is missing in single partitions is in their
 * plans ({@link MissingBound}).
 *
 * - `no-mirror`: MirrorMaker's records of the flow cannot be read, so its checkpoints and offset syncs are not known.
 * - `no-heartbeat`: none has ever come through the flow: it does not run, or not under these aliases.
 * - `silent-mirror`: the flow stands still.
 * - `both-directions`: under the Identity policy both flows copy a topic: each record comes back as a new one, for ever, and no position in it means
 *   anything.
 * - `no-rights`: the cluster does not let us read what is needed.
 * - `no-topic`: the topic is not on the cluster; where it is a remote topic, `copyOf` is what MirrorMaker does not copy.
 * - `partition-count`: the topic has another number of partitions than on the other cluster.
 * - `uncommitted-copies`: MirrorMaker copies records of aborted transactions, by its default (`isolation.level`), and on the target handlers are
 *   given them. One is named. That none is named proves nothing: where the source does not answer it cannot be known.
 *
 * @public
 */
export type MissingPiece =
  | {
      readonly kind: 'no-mirror' | 'no-rights';
      readonly source: string;
      readonly target: string;
      /** Milliseconds since they were last read to their end; undefined where they never were. */
      readonly ageMs: number | undefined;
      readonly because: string;
    }
  | { readonly kind: 'no-heartbeat'; readonly source: string; readonly target: string }
  | {
      readonly kind: 'silent-mirror';
      readonly source: string;
      readonly target: string;
      /** Milliseconds since the last heartbeat arrived. */
      readonly silentMs: number;
    }
  | {
      readonly kind: 'both-directions';
      readonly source: string;
      readonly target: string;
      readonly topic: string;
    }
  | {
      readonly kind: 'no-topic';
      readonly cluster: string;
      readonly topic: string;
      readonly copyOf: string | undefined;
    }
  | {
      readonly kind: 'partition-count';
      readonly cluster: string;
      readonly topic: string;
      readonly count: number;
      /** The topic on the other cluster, and how many it has there. */
      readonly other: {
        readonly cluster: string;
        readonly topic: string;
        readonly count: number;
      };
    }
  | {
      readonly kind: 'uncommitted-copies';
      readonly source: string;
      readonly target: string;
      /** On the source, as `partition` and `offset`: a record that was never committed. */
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
      /** Where it is an ordinary record on the target. */
      readonly copy: { readonly topic: string; readonly offset: string };
    };

/** @internal What is missing, for an operator. */
export function missingPieceInWords(piece: MissingPiece): string {
  switch (piece.kind) {
    case 'no-mirror':
    case 'no-rights': {
      const records = `MirrorMaker's records of ${piece.source}->${piece.target}`;
      return piece.ageMs === undefined
        ? `${records} could not be read to their end: ${piece.because}`
        : `${records} were last read to their end ${inSeconds(piece.ageMs)} s ago: ${piece.because}`;
    }
    case 'no-heartbeat':
      return (
        `no heartbeat has come through the mirror ${piece.source}->${piece.target}: it does not run, its heartbeats are switched off, or the ` +
        "aliases, mirror.policy or mirror.separator are not MirrorMaker's own"
      );
    case 'silent-mirror':
      return `the mirror ${piece.source}->${piece.target} stands still: no heartbeat for ${inSeconds(piece.silentMs)} s`;
    case 'both-directions': {
      const { source, target, topic } = piece;
      return `MirrorMaker copies ${topic} from ${source} to ${target} and back: under the Identity policy each record comes back as a new one, for ever`;
    }
    case 'no-topic': {
      const { topic, cluster, copyOf } = piece;
      const what =
        copyOf === undefined
          ? 'sends to it will fail there'
          : `MirrorMaker does not copy ${copyOf}`;
      return `${topic} is missing on ${cluster}: ${what}`;
    }
    case 'partition-count': {
      const { topic, cluster, count, other } = piece;
      return `${topic} has ${count} partitions on ${cluster}, and ${other.topic} has ${other.count} on ${other.cluster}`;
    }
    case 'uncommitted-copies': {
      const { source, target, topic, partition, offset, copy } = piece;
      return (
        `MirrorMaker has copied aborted records from ${source} to ${target}, where they are ordinary ones and are handled: ` +
        `${copy.topic}[${partition}] ${copy.offset} is the copy of ${topic}[${partition}] ${offset}, which was never committed`
      );
    }
    default:
      return unreachable(piece);
  }
}

/** @internal What to do about it. */
export function remedyOf(piece: MissingPiece): string {
  switch (piece.kind) {
    case 'no-mirror':
      return `see whether ${piece.target} answers, and whether MirrorMaker runs from ${piece.source} to ${piece.target}`;
    case 'no-rights':
      return `give this service's user the right to read MirrorMaker's topics (guide: Rights)`;
    case 'no-heartbeat':
    case 'silent-mirror':
      return `start MirrorMaker's flow ${piece.source}->${piece.target}; its log says why it stopped`;
    case 'both-directions':
      return `stop the flow ${piece.target}->${piece.source} or ${piece.source}->${piece.target}: only one direction may copy at a time`;
    case 'no-topic':
      return piece.copyOf === undefined
        ? `create ${piece.topic} on ${piece.cluster}`
        : `add ${piece.copyOf} to MirrorMaker's topics`;
    case 'partition-count':
      return `give ${piece.topic} on ${piece.cluster} ${piece.other.count} partitions, or keys change theirs`;
    case 'uncommitted-copies':
      return `set ${piece.source}.consumer.isolation.level = read_committed in MirrorMaker's settings; what it has copied already stays`;
    default:
      return unreachable(piece);
  }
}

function inSeconds(ms: number): number {
  return Math.round(ms / 1_000);
}
