import type { AgreementNews, AgreementStore, MemberState } from '../../src/agreement/agreement.js';
import { consulAgreement } from '../../src/agreement/consul.js';
import type { ConsulAgreementOptions } from '../../src/options-agreement.js';
import type { Clock, MemoryWorld } from '../../src/testing/index.js';
import type { FakeConsul } from '../signals/fake-consul.js';
import { consulWorld } from '../signals/support.js';
import { noLog } from './consul-harness.js';

/** The key that everything here is about. */
export const key = 'kafka/active';

/** A store, and what it told. */
export interface Told {
  readonly store: AgreementStore;
  readonly news: readonly AgreementNews[];
  readonly newsOf: <Kind extends AgreementNews['kind']>(
    kind: Kind,
  ) => readonly Extract<AgreementNews, { kind: Kind }>[];
}

/** A fake Consul and the stores of a fleet in simulated time, where an answer takes no time. */
export interface Fleet {
  readonly memory: MemoryWorld;
  readonly clock: Clock;
  readonly consul: FakeConsul;
  open(options?: Partial<ConsulAgreementOptions>): Told;
}

/** What a process says of itself. */
export function member(instance: string, sequence = 1): MemberState {
  return {
    instance,
    incarnation: 'first',
    sequence,
    cluster: 'A',
    obeyedEpoch: 0,
    groups: [],
    wants: undefined,
  };
}

/** Nobody aborts it. */
export const never: AbortSignal = new AbortController().signal;

/** Runs `body` in simulated time, and ends its stores. */
export async function simulate(
  body: (fleet: Fleet) => Promise<void>,
  options: { files?: Map<string, string> } = {},
): Promise<void> {
  const { memory, consul } = consulWorld(options);
  const { clock } = memory;
  const stores: AgreementStore[] = [];
  const open: Fleet['open'] = (options = {}) => {
    const news: AgreementNews[] = [];
    const store = consulAgreement({ key, ...options }).open({
      world: memory.world,
      aliases: ['A', 'B'],
      log: noLog,
      tell: (each) => news.push(each),
    });
    stores.push(store);
    return {
      store,
      news,
      newsOf: <Kind extends AgreementNews['kind']>(kind: Kind) =>
        news.filter((each): each is Extract<AgreementNews, { kind: Kind }> => each.kind === kind),
    };
  };
  try {
    await memory.run(async () => {
      await body({ memory, clock, consul, open });
      await Promise.all(stores.map((store) => store.close()));
    });
  } finally {
    memory.close();
  }
}
