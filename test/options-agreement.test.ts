import { describe, expect, it } from 'vitest';
import { consulAgreement } from '../src/agreement/consul.js';
import { thrownBy } from './support/failures.js';

/** As a call from JavaScript, which no compiler has seen. */
const make = consulAgreement as (options: unknown) => ReturnType<typeof consulAgreement>;
const key = 'kafka/active';

describe('the options of an agreement in Consul', () => {
  it.each([
    [{ key, tokn: 'secret' }, 'tokn', 'Did you mean "token"?'],
    [{ key, heartbeat: 5 }, 'heartbeat', 'Did you mean "heartbeatMs"?'],
    [{}, 'key', 'must be the name of a Consul key, for example "failover/orders", got undefined'],
    [{ key: 'kafka/' }, 'key', 'must not end with a slash'],
    [{ key: '/kafka' }, 'key', 'must not begin with a slash'],
    [{ key: 'kafka/../acl' }, 'key', 'must hold no "." or ".."'],
    [{ key, token: 'x', tokenFile: '/x' }, 'tokenFile', 'must be left out where token is given'],
    [{ key, quorum: { voices: 0 } }, 'quorum.voices', 'must be at least 1, got 0'],
    [{ key, quorum: { share: 1 } }, 'quorum.share', 'must be below 1, got 1'],
    [{ key, quorum: 3 }, 'quorum', 'must be { voices: n }'],
    [{ key, heartbeatMs: 50 }, 'heartbeatMs', 'must be at least 100, got 50'],
    [{ key, leaseMs: 5_000 }, 'leaseMs', 'three heartbeatMs (6000)'],
    [{ key, heartbeatMs: 100, leaseMs: 299 }, 'leaseMs', 'three heartbeatMs (300)'],
    [{ key, instance: 'a b' }, 'instance', 'may hold letters, digits'],
    [{ key, onUnknownAtStart: 'wait' }, 'onUnknownAtStart', 'last-applied'],
  ])('name what is wrong: %j', (options, option, words) => {
    expect(() => make(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_FAILOVER_OPTIONS',
        option: `consulAgreement.${option}`,
        message: expect.stringContaining(words),
      }),
    );
  });

  it('show what to write where they are no object', () => {
    for (const wrong of [undefined, 'kafka/active']) {
      expect(() => make(wrong)).toThrow("consulAgreement({ key: 'kafka/active' })");
    }
  });

  it('never show a token, wherever it stands', () => {
    for (const wrong of ['secret', { key, token: 'a secret' }, { key, tokn: 'secret' }]) {
      const { message, value } = thrownBy(() => make(wrong)) as Error & { value: unknown };
      expect(`${message} ${JSON.stringify(value)}`).not.toContain('secret');
    }
  });

  it('say the value once', () => {
    const { message } = thrownBy(() => make({ key, leaseMs: 5_000 })) as Error;
    expect(message.match(/got/g)).toHaveLength(1);
  });

  it('are told apart: how the fleet decides is shown, how Consul is reached is not', () => {
    const limits = {
      quorum: { voices: 2 },
      heartbeatMs: 500,
      leaseMs: 1_500,
      instance: 'billing-1',
      onUnknownAtStart: 'fail',
    } as const;
    const agreement = consulAgreement({ key, token: 'secret', datacenter: 'eu', ...limits });
    expect(agreement.limits).toEqual(limits);
    expect(agreement.name).toBe('consul kafka/active in eu');
    expect(consulAgreement({ key }).limits).toEqual({});
  });
});
