import { readDecision, writeDecision } from '../../src/agreement/decision.js';
import type {
  AgreedDecision,
  Agreement,
  AgreementContext,
  AgreementLimits,
  AgreementStore,
  MemberState,
} from '../../src/agreement/agreement.js';
import { sleep } from '../../src/wait.js';

/** What a fleet has agreed on, in memory: one decision at a time, and what its members say. */
export interface MemoryAgreement {
  /** The agreement, as each process is given it. */
  with(limits?: AgreementLimits): Agreement;
  /** Every decision that was ever made, in their order. */
  readonly decisions: readonly AgreedDecision[];
  readonly members: ReadonlyMap<string, MemberState>;
  /** Puts a text in the place of the decision, as a person may. */
  write(text: string): void;
  /** Cuts a process off, all of them where none is named; the answer mends it. */
  cutOff(instance?: string): () => void;
}

/** How a memory agreement behaves, and who watches it. */
export interface MemoryAgreementOptions {
  /** Time of one way to the store, in milliseconds. Default: 5, always. */
  readonly latencyMs?: () => number;
  /** The text in the place of the decision is another one. */
  readonly onText?: (text: string) => void;
}

interface Reader {
  readonly context: AgreementContext;
  instance: string | undefined;
}

/** Time that the store takes for an answer, in milliseconds. */
const LATENCY_MS = 5;

/** How long a process that is cut off waits for nothing, in milliseconds. */
const TIMEOUT_MS = 500;

export function memoryAgreement({
  latencyMs = () => LATENCY_MS,
  onText = () => {},
}: MemoryAgreementOptions = {}): MemoryAgreement {
  const decisions: AgreedDecision[] = [];
  const members = new Map<string, MemberState>();
  const readers = new Set<Reader>();
  const cuts = new Set<{ readonly instance: string | undefined }>();
  let text: string | undefined;

  const isCut = (instance: string | undefined): boolean =>
    [...cuts].some((cut) => cut.instance === undefined || cut.instance === instance);

  const tellDecision = ({ context, instance }: Reader): void => {
    if (text === undefined || isCut(instance)) return;
    const read = readDecision(text, context.aliases);
    context.tell(read.kind === 'decision' ? read : { kind: 'refused', because: read.because });
  };

  /** Everybody hears it, each at the end of its own way. */
  const spread = (tell: (reader: Reader) => void): void => {
    for (const reader of readers) {
      reader.context.world.after(latencyMs(), () => {
        if (readers.has(reader) && !isCut(reader.instance)) tell(reader);
      });
    }
  };

  const write = (written: string): void => {
    text = written;
    onText(written);
    spread(tellDecision);
  };

  const open = (context: AgreementContext): AgreementStore => {
    const { world } = context;
    const reader: Reader = { context, instance: undefined };
    readers.add(reader);
    let said: MemberState | undefined;
    const trip = async (signal: AbortSignal): Promise<void> => {
      if (isCut(reader.instance)) {
        await sleep(world, TIMEOUT_MS, { signal });
        throw new Error('the agreement does not answer');
      }
      await sleep(world, latencyMs(), { signal });
    };
    return {
      async exchange(self, signal) {
        reader.instance = self.instance;
        said = self;
        await trip(signal);
        members.set(self.instance, self);
        tellDecision(reader);
        for (const member of members.values()) context.tell({ kind: 'member', member });
        await trip(signal);
      },
      async propose(proposal, after, signal) {
        await trip(signal);
        const read = text === undefined ? undefined : readDecision(text, context.aliases);
        const found = read?.kind === 'decision' ? read.decision : undefined;
        if (found !== undefined && found.epoch > after) return found;
        const decision = { ...proposal, epoch: Math.max(after, found?.epoch ?? 0) + 1 };
        decisions.push(decision);
        write(writeDecision(decision));
        await trip(signal);
        return decision;
      },
      async close() {
        readers.delete(reader);
        if (said === undefined || isCut(said.instance)) return;
        const { instance, incarnation } = said;
        // A process of the same name may have come meanwhile.
        if (members.get(instance)?.incarnation === incarnation) members.delete(instance);
        spread(({ context: other }) => other.tell({ kind: 'left', instance, incarnation }));
      },
    };
  };

  return {
    with: (limits = {}) => ({ name: 'memory', limits, open }),
    decisions,
    members,
    write,
    cutOff(instance) {
      const cut = { instance };
      cuts.add(cut);
      return () => cuts.delete(cut);
    },
  };
}
