import { describe, expect, it } from 'vitest';
import { readApplication } from '../../src/signals/eureka-app.js';
import { eurekaSignal } from '../../src/signals/eureka.js';
import { eurekaContract } from './eureka-contract.js';
import { memoryEureka } from './memory-eureka.js';
import { absent, manualStage, value, watch } from './stage.js';

eurekaContract("a simulated server of Spring Cloud's", () => memoryEureka('spring'));
eurekaContract("a simulated server of Netflix's", () => memoryEureka('netflix'));

const byMetadata = { kind: 'metadata', key: 'kafka-cluster' } as const;
const application = (...instances: object[]): string =>
  JSON.stringify({ application: { name: 'X', instance: instances } });

describe('an answer of Eureka', () => {
  it.each([
    ['no JSON', '<application/>'],
    ['another document', '{"applications":{}}'],
    ['an instance without a status', application({ instanceId: 'x' })],
    ['no object', 'null'],
  ])('is a failure where it is %s', (_what, body) => {
    expect(readApplication(body, byMetadata)).toEqual({
      kind: 'failed',
      because: 'the answer is not what a Eureka server says of an app',
    });
  });

  it('is no opinion without instances', () => {
    expect(readApplication(application(), byMetadata)).toEqual(absent);
  });

  it.each([
    ['a number', 7, value('7')],
    ['a boolean', true, value('true')],
    ['null', null, absent],
    ['blank', ' ', absent],
  ])('holds metadata that is %s', (_what, text, reading) => {
    const body = application({ status: 'UP', metadata: { 'kafka-cluster': text } });
    expect(readApplication(body, byMetadata)).toEqual(reading);
  });

  it('is a failure where its metadata is no text', () => {
    const body = application({
      status: 'UP',
      hostName: 'h1',
      metadata: { 'kafka-cluster': { cluster: 'A' } },
    });
    expect(readApplication(body, byMetadata)).toEqual({
      kind: 'failed',
      because: 'h1: its metadata kafka-cluster is no text',
    });
  });

  it('is a failure where one instance stands for two clusters', () => {
    const aliases = new Map([
      ['kafka', 'A'],
      ['vip', 'B'],
    ]);
    const body = application({ status: 'UP', instanceId: 'kafka', secureVipAddress: 'vip' });
    expect(readApplication(body, { kind: 'status', aliases })).toMatchObject({
      because: 'kafka: it stands for several clusters: A, B',
    });
  });

  it('shows no more of long texts than a beginning', () => {
    const say = (text: string): object => ({ status: 'UP', metadata: { 'kafka-cluster': text } });
    const read = readApplication(application(say('x'.repeat(5_000)), say('A')), byMetadata);
    expect(read).toMatchObject({ kind: 'failed' });
    expect(JSON.stringify(read).length).toBeLessThan(300);
  });
});

describe('a Eureka signal', () => {
  it('asks for one application every 30 s, and as JSON', async () => {
    const stage = manualStage();
    const asked: { url: string; atMs: number; accept: string | undefined }[] = [];
    stage.world.http = async ({ url, headers }) => {
      asked.push({ url, atMs: stage.world.nowMs(), accept: headers?.['accept'] });
      return { status: 404, headers: {}, body: '' };
    };
    const signal = eurekaSignal({ url: 'http://eureka:8761/eureka/v2/', app: 'kafka/control' });
    await watch(stage, signal).hears(absent);
    await stage.world.advance(30_000);
    const url = 'http://eureka:8761/eureka/v2/apps/kafka%2Fcontrol';
    const accept = 'application/json';
    expect(asked).toEqual([
      { url, atMs: 0, accept },
      { url, atMs: 30_000, accept },
    ]);
  });

  it('is named by server, application and what it reads, without user info', () => {
    const url = 'http://user:s3cret@eureka:8761/eureka';
    expect(eurekaSignal({ url, app: 'KAFKA' }).name).toBe(
      'eureka http://eureka:8761/eureka/apps/KAFKA#kafka-cluster',
    );
    expect(eurekaSignal({ url, app: 'KAFKA', statusOf: { a: 'A' } }).name).toBe(
      'eureka http://eureka:8761/eureka/apps/KAFKA',
    );
  });

  it.each([
    [{ status: 304 }, 'answered 304'],
    [{ status: 302 }, 'redirects are not followed'],
    [{ status: 401 }, 'answered 401'],
    [{ status: 503 }, 'answered 503'],
  ])('fails after %j', async (answer, words) => {
    const stage = manualStage();
    stage.world.http = async () => ({ headers: {}, body: '', ...answer });
    const signal = eurekaSignal({ url: 'http://eureka:8761/eureka', app: 'KAFKA' });
    expect(await watch(stage, signal).failure()).toContain(words);
  });

  it('waits where the server says so', async () => {
    const stage = manualStage();
    const askedAtMs: number[] = [];
    stage.world.randomValue = 0;
    stage.world.http = async () => {
      askedAtMs.push(stage.world.nowMs());
      return { status: 503, headers: { 'retry-after': '120' }, body: '' };
    };
    watch(stage, eurekaSignal({ url: 'http://eureka:8761/eureka', app: 'KAFKA', pollMs: 100 }));
    await stage.world.advance(240_000);
    expect(askedAtMs).toEqual([0, 120_000, 240_000]);
  });
});
