import type { World } from '../world.js';

/**
 * What a source answered at one instant. Its text is not understood yet: `readDesired` does that, in one place for
 * every kind of source.
 *
 * @public
 */
export type Reading =
  /** It holds this text: an alias, or JSON `{ cluster, epoch, mode, reason }`. */
  | { readonly kind: 'value'; readonly text: string }
  /** It answers, and holds nothing: no opinion. */
  | { readonly kind: 'absent' }
  /** It could not be read: unknown. The last good value stays in force. */
  | { readonly kind: 'failed'; readonly because: string };

/**
 * An outside source that says which cluster should be active: a Consul key, a file, a DNS name. It reads and has no
 * opinion of its own: what it reads is judged by the library (unknown aliases and older epochs are refused), and what
 * follows is the strategy's to decide.
 *
 * @public
 */
export interface Signal {
  /** Names it in `status()` and events; it tells the source apart from others, for example `consul kafka/active`. */
  readonly name: string;
  /**
   * Begins to watch: `tell` hears the first reading and every changed one, and each failure. Does no I/O before it is
   * called, never throws, and goes on until the watch is closed. After `close()` it tells nothing more and leaves no
   * timer, socket or file open.
   */
  watch(world: World, tell: (reading: Reading) => void): SignalWatch;
}

/** @public A watch that was begun by {@link Signal.watch}. */
export interface SignalWatch {
  /** Ends it. Idempotent. */
  close(): void;
}
