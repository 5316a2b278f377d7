import type {
  AgreedDecision,
  AgreementNews,
  AgreementStore,
  MemberState,
  Proposal,
} from '../../src/agreement/agreement.js';
import type { World } from '../../src/world.js';

/** One fleet's agreement, in which nothing was said yet, and the source that keeps it. */
export interface StoreStage {
  /** Where the stores live. */
  readonly world: World;
  /** Opens the store of one more process of the fleet, in this world. Its clusters are A and B, in this order. */
  open(world: World, tell: (news: AgreementNews) => void): AgreementStore;
  /** Nobody can reach what a member on cluster A needs, nor what a decision for cluster B needs; until `repair`. */
  break(): Promise<void>;
  repair(): Promise<void>;
  /** Writes a text where decisions for cluster B are, as somebody would who knows nothing of them. */
  spoil(text: string): Promise<void>;
  sleep(ms: number): Promise<void>;
  /** Runs a test's body, on the clock that the stores live by. */
  run(body: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Where a contract finds the fleets for its tests. */
export interface StoreHarness {
  /** A fleet that has nothing to do with those before it. */
  fleet(): Promise<StoreStage>;
  stop(): Promise<void>;
}

/** What a store has left behind: timers and sockets of its world. */
export interface Traces {
  readonly world: World;
  readonly left: () => { readonly timers: number; readonly sockets: number };
}

/** A world that counts what whoever lives in it holds. */
export function tracedWorld(world: World): Traces {
  const timers = new Set<object>();
  const sockets = new Set<object>();
  return {
    left: () => ({ timers: timers.size, sockets: sockets.size }),
    world: {
      ...world,
      after(delayMs, callback) {
        const timer = {};
        timers.add(timer);
        const cancel = world.after(delayMs, () => {
          timers.delete(timer);
          callback();
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
      openSocket(options) {
        const socket = world.openSocket(options);
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        return socket;
      },
      async request(request) {
        const asked = {};
        sockets.add(asked);
        try {
          return await world.request(request);
        } finally {
          sockets.delete(asked);
        }
      },
    },
  };
}

/** A process of a fleet, as its store sees it, and all that it was told. */
export interface Voice {
  readonly store: AgreementStore;
  readonly news: readonly AgreementNews[];
  readonly decisions: () => readonly AgreedDecision[];
  /** The decision in force, as far as it was told: the highest. */
  readonly newest: () => AgreedDecision | undefined;
  readonly members: () => readonly MemberState[];
  readonly departed: () => readonly string[];
  readonly refusals: () => readonly string[];
  readonly left: Traces['left'];
  /** Says what it is, for the next time. */
  exchange(signal?: AbortSignal): Promise<void>;
  propose(proposal: Proposal, after: number, signal?: AbortSignal): Promise<AgreedDecision>;
}

/** Opens the store of one more process, which works with A. */
export function join(stage: StoreStage, instance: string): Voice {
  const { world, left } = tracedWorld(stage.world);
  const news: AgreementNews[] = [];
  const store = stage.open(world, (each) => news.push(each));
  let sequence = 0;
  const decisions = (): readonly AgreedDecision[] =>
    news.flatMap((each) => (each.kind === 'decision' ? [each.decision] : []));
  const never = new AbortController().signal;
  return {
    store,
    news,
    left,
    decisions,
    newest: () => decisions().toSorted((a, b) => b.epoch - a.epoch)[0],
    members: () => news.flatMap((each) => (each.kind === 'member' ? [each.member] : [])),
    departed: () => news.flatMap((each) => (each.kind === 'left' ? [each.instance] : [])),
    refusals: () => news.flatMap((each) => (each.kind === 'refused' ? [each.because] : [])),
    exchange(signal = never) {
      sequence += 1;
      const self = { instance, incarnation: 'first', sequence, cluster: 'A', obeyedEpoch: 0 };
      return store.exchange({ ...self, groups: ['billing'], wants: undefined }, signal);
    },
    propose: (proposal, after, signal = never) => store.propose(proposal, after, signal),
  };
}

const LONGEST_WAIT_MS = 60_000;

/** Waits until something is so, on the stage's clock. */
export async function until(
  stage: StoreStage,
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineAtMs = stage.world.nowMs() + LONGEST_WAIT_MS;
  while (!(await isSo())) {
    if (stage.world.nowMs() > deadlineAtMs) throw new Error(`waited in vain for ${what}`);
    await stage.sleep(20);
  }
}
