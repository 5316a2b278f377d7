import { describe, expect, it } from 'vitest';
import type { ConsulSignalOptions } from '../../src/options-consul.js';
import { readAddress } from '../../src/signals/consul-address.js';
import { readSettings } from '../../src/signals/consul-settings.js';

function settingsOf(
  options: Partial<ConsulSignalOptions> = {},
  variables: Record<string, string> = {},
): object {
  const read = readSettings({ key: 'kafka/active', ...options }, (name) => variables[name]);
  return read.kind === 'settings' ? read.settings : read;
}

describe('the address of a Consul agent', () => {
  it.each([
    ['10.0.0.1:8500', false, 'http://10.0.0.1:8500'],
    ['consul.example.com:8501', true, 'https://consul.example.com:8501'],
    ['localhost:8500', false, 'http://localhost:8500'],
    ['http://agent:8500', false, 'http://agent:8500'],
    ['http://agent:8500', true, 'https://agent:8500'],
    ['HTTPS://Agent', false, 'https://agent'],
    ['[::1]:8500', false, 'http://[::1]:8500'],
    ['https://gateway/consul/', false, 'https://gateway/consul'],
    ['gateway:8500/a/b', false, 'http://gateway:8500/a/b'],
  ])('is understood: %s, TLS asked for: %s', (text, ssl, base) => {
    const address = { base, socketPath: undefined, shown: base };
    expect(readAddress(text, { ssl })).toEqual({ kind: 'address', address });
  });

  it.each([
    [false, 'http://localhost'],
    [true, 'https://localhost'],
  ])('may be a Unix socket, TLS asked for: %s', (ssl, base) => {
    const shown = 'unix:///run/consul.sock';
    const address = { base, socketPath: '/run/consul.sock', shown };
    expect(readAddress(shown, { ssl })).toEqual({ kind: 'address', address });
  });

  it.each([
    ['unix://run/consul.sock', 'absolute path'],
    ['tcp://agent:8500', 'must begin with http://, https:// or unix://'],
    ['http://user:secret@agent:8500', 'must hold no user name and no password'],
    ['user@agent:8500', 'must hold no user name'],
    ['http://agent:8500?dc=x', 'must end with the path'],
    ['http://agent:8500/#x', 'must end with the path'],
    ['agent:port', 'is no address'],
    ['agent:85000', 'is no address'],
    ['', 'is no address'],
    ['two words', 'is no address'],
  ])('is refused: %s', (text, words) => {
    const read = readAddress(text, { ssl: false });
    expect(read).toEqual({ kind: 'refused', because: expect.stringContaining(words) });
    expect(JSON.stringify(read)).not.toContain('secret');
  });
});

describe('the settings of a Consul signal', () => {
  it('are those of Consul itself where nothing is said', () => {
    expect(settingsOf()).toEqual({
      address: {
        base: 'http://127.0.0.1:8500',
        socketPath: undefined,
        shown: 'http://127.0.0.1:8500',
      },
      token: { kind: 'none' },
      tls: undefined,
      scope: [],
    });
  });

  const environment = {
    CONSUL_HTTP_ADDR: 'agent:8501',
    CONSUL_HTTP_SSL: 'true',
    CONSUL_HTTP_TOKEN: 'of the environment',
    CONSUL_CACERT: '/env/ca.pem',
    CONSUL_CLIENT_CERT: '/env/cert.pem',
    CONSUL_CLIENT_KEY: '/env/key.pem',
    CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
    CONSUL_HTTP_SSL_VERIFY: '0',
    CONSUL_NAMESPACE: 'team',
    CONSUL_PARTITION: 'payments',
  };

  it('come from the environment', () => {
    expect(settingsOf({}, environment)).toEqual({
      address: { base: 'https://agent:8501', socketPath: undefined, shown: 'https://agent:8501' },
      token: { kind: 'text', text: 'of the environment', namedBy: 'CONSUL_HTTP_TOKEN' },
      tls: {
        ca: { path: '/env/ca.pem', namedBy: 'CONSUL_CACERT' },
        cert: { path: '/env/cert.pem', namedBy: 'CONSUL_CLIENT_CERT' },
        key: { path: '/env/key.pem', namedBy: 'CONSUL_CLIENT_KEY' },
        serverName: 'server.dc1.consul',
        insecureSkipVerify: true,
      },
      scope: [
        ['ns', 'team'],
        ['partition', 'payments'],
      ],
    });
  });

  it('prefer each option to its variable', () => {
    const options = {
      address: 'https://other:8501',
      token: 'of the options',
      datacenter: 'eu',
      namespace: 'mine',
      partition: 'part',
      tls: {
        caFile: '/ca.pem',
        certFile: '/cert.pem',
        keyFile: '/key.pem',
        serverName: 'name',
        insecureSkipVerify: false,
      },
    };
    expect(settingsOf(options, environment)).toMatchObject({
      address: { base: 'https://other:8501' },
      token: { kind: 'text', text: 'of the options', namedBy: 'token' },
      tls: {
        ca: { path: '/ca.pem', namedBy: 'tls.caFile' },
        cert: { path: '/cert.pem', namedBy: 'tls.certFile' },
        key: { path: '/key.pem', namedBy: 'tls.keyFile' },
        serverName: 'name',
        insecureSkipVerify: false,
      },
      scope: [
        ['dc', 'eu'],
        ['ns', 'mine'],
        ['partition', 'part'],
      ],
    });
  });

  it.each([
    [{ tokenFile: '/a' }, { CONSUL_HTTP_TOKEN: 'x' }, { path: '/a', namedBy: 'tokenFile' }],
    [
      {},
      { CONSUL_HTTP_TOKEN: 'x', CONSUL_HTTP_TOKEN_FILE: '/b' },
      { path: '/b', namedBy: 'CONSUL_HTTP_TOKEN_FILE' },
    ],
  ])('prefer a token file to a token of the environment: %j, %j', (options, variables, file) => {
    expect(settingsOf(options, variables)).toMatchObject({ token: { kind: 'file', file } });
  });

  it('prefer a token of the options to a file of the environment', () => {
    expect(settingsOf({ token: 'x' }, { CONSUL_HTTP_TOKEN_FILE: '/b' })).toMatchObject({
      token: { kind: 'text', text: 'x' },
    });
  });

  it('take an empty variable for none', () => {
    const empty = Object.fromEntries(Object.keys(environment).map((name) => [name, ' ']));
    expect(settingsOf({}, empty)).toEqual(settingsOf());
  });

  it('use nothing of TLS without TLS', () => {
    const { CONSUL_HTTP_SSL: _ssl, ...plain } = environment;
    expect(settingsOf({}, plain)).toMatchObject({
      address: { base: 'http://agent:8501' },
      tls: undefined,
    });
  });

  it('verify the certificate unless they are told not to', () => {
    const address = 'https://agent';
    expect(settingsOf({ address })).toMatchObject({ tls: { insecureSkipVerify: false } });
  });

  it.each([
    [{ CONSUL_HTTP_ADDR: 'tcp://agent' }, 'CONSUL_HTTP_ADDR: must begin with http://'],
    [{ CONSUL_HTTP_SSL: 'yes' }, 'CONSUL_HTTP_SSL: must be true or false, got "yes"'],
    [
      { CONSUL_HTTP_ADDR: 'https://agent', CONSUL_HTTP_SSL_VERIFY: 'no' },
      'CONSUL_HTTP_SSL_VERIFY: must be true or false, got "no"',
    ],
    [
      { CONSUL_HTTP_ADDR: 'https://agent', CONSUL_CLIENT_CERT: '/cert.pem' },
      'CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY: set both, or none of them',
    ],
  ])('say what is wrong in the environment: %j', (variables, because) => {
    expect(settingsOf({}, variables)).toEqual({
      kind: 'refused',
      because: expect.stringContaining(because),
    });
  });

  it('do not ask the environment for what an option says', () => {
    const asked = { address: 'agent:8500' };
    expect(settingsOf(asked, { CONSUL_HTTP_ADDR: 'tcp://agent' })).toMatchObject({
      address: { base: 'http://agent:8500' },
    });
  });
});
