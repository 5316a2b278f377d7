import { setTimeout as sleep } from 'node:timers/promises';
import type { AgreementContext } from '../../src/agreement/agreement.js';
import { consulAgreement } from '../../src/agreement/consul.js';
import { realWorld } from '../../src/world.js';
import type { StoreHarness } from './stage.js';

/** A Consul, real or not, as the contract of stores sees it. */
export interface ConsulFleets {
  readonly address: string;
  readonly token?: string;
  put(key: string, value: string): Promise<void>;
  /** Nobody can reach it, until `repair`. What it holds stays. */
  break(): Promise<void>;
  repair(): Promise<void>;
  stop(): Promise<void>;
}

/** What `AgreementContext` has for other stores: this one opens no log. */
export const noLog: AgreementContext['log'] = () => {
  throw new Error('a store in Consul opens no log');
};

/** Fleets in one Consul, each with a key of its own. */
export function consulHarness(consul: ConsulFleets): StoreHarness {
  let fleetCount = 0;
  const { address, token } = consul;
  return {
    async fleet() {
      fleetCount += 1;
      const key = `fleets/${fleetCount}/active`;
      const agreement = consulAgreement({
        key,
        address,
        ...(token === undefined ? {} : { token }),
      });
      return {
        world: realWorld(),
        open: (world, tell) => agreement.open({ world, aliases: ['A', 'B'], log: noLog, tell }),
        break: () => consul.break(),
        repair: () => consul.repair(),
        spoil: (text) => consul.put(key, text),
        sleep: (ms) => sleep(ms),
        run: (body) => body(),
        close: async () => {},
      };
    },
    stop: () => consul.stop(),
  };
}
