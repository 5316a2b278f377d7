import { describe, expect, it } from 'vitest';
import { dnsSignal } from '../src/signals/dns.js';
import { eurekaSignal } from '../src/signals/eureka.js';
import { fileSignal } from '../src/signals/file.js';
import { httpSignal } from '../src/signals/http.js';

/** What calls from JavaScript, which no compiler has seen, are answered with. */
const make: Readonly<Record<string, (options: unknown) => unknown>> = {
  fileSignal: fileSignal as (options: unknown) => unknown,
  httpSignal: httpSignal as (options: unknown) => unknown,
  dnsSignal: dnsSignal as (options: unknown) => unknown,
  eurekaSignal: eurekaSignal as (options: unknown) => unknown,
};

const PEM = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----';
const url = 'http://config.example.com/kafka';
const file = { path: '/etc/kafka-active' };
const http = { url };
const txt = { name: 'active.example.com', type: 'TXT' };
const cname = { name: 'active.example.com', type: 'CNAME', map: { 'b.example.com': 'B' } };
const eureka = { url, app: 'KAFKA' };

const refusal = (option: string, remedy: string): object =>
  expect.objectContaining({
    code: 'ERR_FAILOVER_OPTIONS',
    option,
    message: expect.stringContaining(remedy),
  });

describe('the options of a signal', () => {
  it.each([
    ['fileSignal', { ...file, pollMS: 5 }, 'pollMS', 'Did you mean "pollMs"?'],
    ['fileSignal', { pth: '/x' }, 'pth', 'Did you mean "path"?'],
    ['httpSignal', { ...http, header: {} }, 'header', 'Did you mean "headers"?'],
    [
      'httpSignal',
      { ...http, tls: { rejectUnauthorised: false } },
      'tls.rejectUnauthorised',
      'Did you mean "rejectUnauthorized"?',
    ],
    ['dnsSignal', { ...txt, equalAnswer: 3 }, 'equalAnswer', 'Did you mean "equalAnswers"?'],
    ['eurekaSignal', { ...eureka, metaData: 'x' }, 'metaData', 'Did you mean "metadata"?'],
  ])('name the nearest right one for a misspelt one: %s %j', (name, options, option, remedy) => {
    expect(() => make[name]?.(options)).toThrow(refusal(`${name}.${option}`, remedy));
  });

  it.each([
    ['fileSignal', undefined, '', "fileSignal({ path: '/etc/kafka-active' })"],
    ['fileSignal', '/etc/kafka-active', '', 'must be an object that names the file'],
    ['fileSignal', {}, '.path', 'must be the path of a file, got undefined'],
    ['fileSignal', { path: '' }, '.path', 'must be the path of a file, got ""'],
    ['fileSignal', { ...file, pollMs: 99 }, '.pollMs', 'must be at least 100, got 99'],
    ['fileSignal', { ...file, pollMs: '1s' }, '.pollMs', 'got "1s"'],
    ['fileSignal', { ...file, pollMs: Infinity }, '.pollMs', 'got Infinity'],
    ['httpSignal', {}, '.url', 'must be an absolute http: or https: URL'],
    ['httpSignal', { url: '/kafka' }, '.url', 'must be an absolute http: or https: URL'],
    ['httpSignal', { url: 'ftp://x/' }, '.url', 'must be an absolute http: or https: URL'],
    ['httpSignal', { url: 'http://a%zz@x/' }, '.url', 'must be an absolute http: or https: URL'],
    [
      'httpSignal',
      { ...http, headers: { 'x y': 'z' } },
      '.headers.x y',
      'is no name of a header field',
    ],
    [
      'httpSignal',
      { ...http, headers: { x: 'a\r\nb' } },
      '.headers.x',
      'must be a text without line breaks',
    ],
    ['httpSignal', { ...http, headers: 'x' }, '.headers', 'must be header fields by name'],
    ['httpSignal', { ...http, tls: { ca: '/etc/ca.pem' } }, '.tls.ca', 'not a path'],
    ['httpSignal', { ...http, tls: { cert: PEM } }, '.tls', 'both cert and key'],
    ['httpSignal', { ...http, pollMs: 50 }, '.pollMs', 'must be at least 100, got 50'],
    ['httpSignal', { ...http, timeoutMs: 0 }, '.timeoutMs', 'must be at least 100, got 0'],
    ['httpSignal', { ...http, pointer: 'kafka' }, '.pointer', 'must be a JSON pointer'],
    ['httpSignal', { ...http, pointer: '/a~2' }, '.pointer', 'must be a JSON pointer'],
    ['dnsSignal', {}, '.name', 'must be a DNS name'],
    ['dnsSignal', { ...txt, name: 'a..b' }, '.name', 'must be a DNS name, got "a..b"'],
    ['dnsSignal', { ...txt, name: 'a b' }, '.name', 'must be a DNS name'],
    ['dnsSignal', { ...txt, type: 'MX' }, '.type', 'must be "TXT" or "CNAME" or "A"'],
    [
      'dnsSignal',
      { ...cname, map: undefined },
      '.map',
      'which cluster an answer of type CNAME means',
    ],
    ['dnsSignal', { ...cname, map: {} }, '.map', 'must have an entry for each cluster'],
    [
      'dnsSignal',
      { ...cname, map: { 'b.example.com': 5 } },
      '.map.b.example.com',
      'must be the alias of a cluster',
    ],
    [
      'dnsSignal',
      { ...cname, map: { 'b.x': 'B', 'B.x.': 'A' } },
      '.map.B.x.',
      'stands in the map twice, for two clusters',
    ],
    [
      'dnsSignal',
      { ...cname, type: 'A' },
      '.map.b.example.com',
      'must be what records of type A hold',
    ],
    [
      'dnsSignal',
      { ...cname, type: 'A', map: { '10.0.0.256': 'A' } },
      '.map.10.0.0.256',
      'must be what records of type A hold',
    ],
    [
      'dnsSignal',
      { ...cname, type: 'AAAA', map: { '10.0.0.1': 'A' } },
      '.map.10.0.0.1',
      'must be what records of type AAAA hold',
    ],
    [
      'dnsSignal',
      { ...cname, type: 'SRV' },
      '.map.b.example.com',
      'must be what records of type SRV hold',
    ],
    ['dnsSignal', { ...cname, prefix: 'kafka=' }, '.prefix', 'is for type TXT only'],
    ['dnsSignal', { ...txt, prefix: '' }, '.prefix', 'must not be empty'],
    ['dnsSignal', { ...txt, servers: [] }, '.servers', 'leave it out to ask those of the system'],
    ['dnsSignal', { ...txt, servers: ['ns.example.com'] }, '.servers.0', 'must be an address'],
    ['dnsSignal', { ...txt, servers: ['10.0.0.1:99999'] }, '.servers.0', 'must be an address'],
    ['dnsSignal', { ...txt, equalAnswers: 0 }, '.equalAnswers', 'must be at least 1, got 0'],
    ['eurekaSignal', { url }, '.app', 'must be the name of an application'],
    ['eurekaSignal', { ...eureka, statusOf: {} }, '.statusOf', 'must name an instance'],
    [
      'eurekaSignal',
      { ...eureka, statusOf: ['kafka-a'] },
      '.statusOf',
      'must be aliases by instance id',
    ],
    [
      'eurekaSignal',
      { ...eureka, metadata: 'x', statusOf: { a: 'A' } },
      '.metadata',
      'not possible together with statusOf',
    ],
  ])('say what is wrong: %s %j', (name, options, option, remedy) => {
    expect(() => make[name]?.(options)).toThrow(refusal(`${name}${option}`, remedy));
  });

  it.each([
    ['httpSignal', 'https://user:s3cret@config.example.com'],
    ['httpSignal', { url: 'htps://user:s3cret@config.example.com' }],
    ['httpSignal', { ...http, headers: { authorization: 's3cret\n' } }],
    ['httpSignal', { ...http, headers: 's3cret' }],
    ['httpSignal', { ...http, tls: { key: 's3cret' } }],
    ['httpSignal', { ...http, tls: { cert: `${PEM}s3cret` } }],
    ['eurekaSignal', { url: 's3cret', app: 'KAFKA' }],
    ['eurekaSignal', ['s3cret']],
  ])('show no secret when they are wrong: %s %j', (name, options) => {
    const call = (): unknown => make[name]?.(options);
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_FAILOVER_OPTIONS' }));
    expect(call).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret'), value: undefined }),
    );
  });

  it.each([
    ['fileSignal', { ...file, pollMs: undefined }],
    [
      'httpSignal',
      { ...http, headers: undefined, tls: undefined, pollMs: undefined, pointer: undefined },
    ],
    [
      'httpSignal',
      {
        ...http,
        headers: { 'x-key': '' },
        tls: { ca: PEM, rejectUnauthorized: false },
        pointer: '',
      },
    ],
    ['dnsSignal', { ...txt, servers: undefined, prefix: undefined, map: undefined }],
    ['dnsSignal', { ...txt, servers: ['10.0.0.1', '10.0.0.1:5353', '::1', '[::1]', '[::1]:53'] }],
    ['dnsSignal', { ...cname, name: 'active.example.com.', equalAnswers: 1 }],
    ['dnsSignal', { ...cname, type: 'SRV', map: { 'b1:9092, b2:9092': 'B' } }],
    ['eurekaSignal', { ...eureka, metadata: undefined, statusOf: { 'kafka-a': 'A' } }],
  ])('may be undefined one by one, and take what they document: %s %j', (name, options) => {
    expect(() => make[name]?.(options)).not.toThrow();
  });
});
