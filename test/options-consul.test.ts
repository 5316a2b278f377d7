import { describe, expect, it } from 'vitest';
import { consulSignal } from '../src/signals/consul.js';
import { thrownBy } from './support/failures.js';

/** As a call from JavaScript, which no compiler has seen. */
const make = consulSignal as (options: unknown) => unknown;
const key = 'kafka/active';

describe('the options of a Consul signal', () => {
  it.each([
    [{ key, tokn: 'secret' }, 'tokn', 'Did you mean "token"?'],
    [{ key, tls: { cafile: '/ca' } }, 'tls.cafile', 'Did you mean "caFile"?'],
    [{ key, wait: 5_000 }, 'wait', 'waitMs'],
    [{}, 'key', 'must be the name of a Consul key, for example "failover/orders", got undefined'],
    [{ key: '' }, 'key', 'must not be empty'],
    [{ key: '/kafka/active' }, 'key', 'must not begin with a slash'],
    [{ key: 'kafka/../acl' }, 'key', 'must hold no "." or ".."'],
    [{ key: 'kafka/\uD800' }, 'key', 'must be well-formed text'],
    [{ key, address: 'tcp://agent' }, 'address', 'must begin with http://, https:// or unix://'],
    [{ key, address: '' }, 'address', 'must not be empty'],
    [{ key, tokenFile: '' }, 'tokenFile', 'must not be empty'],
    [{ key, token: 'x', tokenFile: '/x' }, 'tokenFile', 'must be left out where token is given'],
    [{ key, tls: { certFile: '/cert' } }, 'tls', 'both certFile and keyFile'],
    [{ key, tls: true }, 'tls', "{ caFile: '/etc/consul/ca.pem' }"],
    [{ key, waitMs: 0 }, 'waitMs', 'must be at least 1000, got 0'],
    [{ key, waitMs: 1e9 }, 'waitMs', 'must be at most 600000'],
    [{ key, datacenter: 5 }, 'datacenter', 'must be a string, got 5'],
  ])('name what is wrong: %j', (options, option, words) => {
    expect(() => make(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_FAILOVER_OPTIONS',
        option: `consulSignal.${option}`,
        message: expect.stringContaining(words),
      }),
    );
  });

  it('show what to write where they are no object', () => {
    for (const wrong of [undefined, 'kafka/active']) {
      expect(() => make(wrong)).toThrow("consulSignal({ key: 'kafka/active' })");
    }
  });

  it.each([
    { key, token: 'pass word' },
    { key, token: 123_456_789 },
    { key, tokn: 'secret' },
    { key, address: 'http://user:secret@agent:8500' },
    { key, address: 'user:secret@agent:8500' },
  ])('never show a token or a password: %j', (options) => {
    const error = thrownBy(() => make(options));
    const { message, value } = error as Error & { value: unknown };
    expect(`${message} ${JSON.stringify(value)}`).not.toMatch(/secret|pass word|123456789/);
  });

  it('may be all given', () => {
    const options = {
      key,
      address: 'unix:///run/consul.sock',
      tokenFile: '/run/secrets/consul',
      datacenter: 'eu',
      namespace: 'team',
      partition: 'payments',
      tls: {
        caFile: '/ca',
        certFile: '/cert',
        keyFile: '/key',
        serverName: 'agent',
        insecureSkipVerify: false,
      },
      waitMs: 60_000,
    };
    expect(() => make(options)).not.toThrow();
    expect(() => make({ key, token: undefined, tls: undefined })).not.toThrow();
  });
});
