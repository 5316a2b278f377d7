import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, type Consumer } from './consumer.js';

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPacked();
});
afterAll(() => consumer.remove());

/** Runs a script of the user's; its last expression's JSON is the answer. */
async function evaluate(file: string, text: string): Promise<unknown> {
  await consumer.write({ [file]: text });
  const { exitCode, output } = await consumer.node(file);
  expect(exitCode, output).toBe(0);
  return JSON.parse(output);
}

const compareNames = `
  const names = Object.keys(kafkajs);
  console.log(JSON.stringify({
    count: names.length,
    missing: names.filter((name) => !(name in failover)),
    foreign: names.filter((name) => failover[name] !== kafkajs[name]),
    undefinedNames: Object.keys(failover).filter((name) => failover[name] === undefined),
    own: Object.keys(failover).filter((name) => !names.includes(name) && name !== 'default').length,
  }));`;
const allOfKafkajs = { count: 44, missing: [], foreign: [], undefinedNames: [] };

/**
 * A service that is switched over, on clusters in memory: `carryOn` resolves to the first offset acknowledged on A, where
 * the producer was after the switch, and how many records B has of its own.
 */
const carryOn = `
  const carryOn = () => {
    const topics = { orders: 1 };
    const memory = createMemoryWorld({ seed: 7, clusters: { A: { topics }, B: { topics } }, mirror: {} });
    const brokers = (alias) => ({ brokers: [...memory.cluster(alias).brokers] });
    return memory.run(async () => {
      const kafka = new FailoverKafka({
        clusters: { A: brokers('A'), B: brokers('B') },
        world: memory.world,
        logLevel: logLevel.NOTHING,
      });
      const producer = kafka.producer();
      await producer.connect();
      const [first] = await producer.send({ topic: 'orders', messages: [{ value: 'one' }] });
      await kafka.switchTo('B', { planned: true });
      await producer.send({ topic: 'orders', messages: [{ value: 'two' }] });
      const { active } = kafka.status();
      await kafka.close();
      return [first.baseOffset, active, memory.cluster('B').records('orders', 0).length];
    });
  };`;

describe('the packed package in plain Node', () => {
  it("gives require all 44 of kafkajs's names by identity, and its own", async () => {
    const seen = await evaluate(
      'names.cjs',
      `const kafkajs = require('kafkajs');
       const failover = require('kafkajs-failover');
       ${compareNames}`,
    );
    expect(seen).toMatchObject(allOfKafkajs);
    expect(seen).toHaveProperty(
      'own',
      expect.toSatisfy((own: number) => own > 10),
    );
  });

  it("gives import all 44 of kafkajs's names by identity, and its own", async () => {
    const seen = await evaluate(
      'names.mjs',
      `import kafkajs from 'kafkajs';
       import * as failover from 'kafkajs-failover';
       ${compareNames}`,
    );
    expect(seen).toMatchObject(allOfKafkajs);
    expect(seen).toHaveProperty(
      'own',
      expect.toSatisfy((own: number) => own > 10),
    );
  });

  it.each(['kafkajs-failover', 'kafkajs-failover/testing'])(
    'gives import and require of %s the same names and the same values',
    async (specifier) => {
      const seen = await evaluate(
        'same.mjs',
        `import { createRequire } from 'node:module';
         import * as esm from '${specifier}';
         const cjs = createRequire(import.meta.url)('${specifier}');
         const names = Object.keys(esm).filter((name) => name !== 'default');
         console.log(JSON.stringify({
           defaultIsWhole: esm.default === cjs,
           onlyEsm: names.filter((name) => !(name in cjs)),
           onlyCjs: Object.keys(cjs).filter((name) => !(name in esm)),
           different: names.filter((name) => esm[name] !== cjs[name]),
         }));`,
      );
      expect(seen).toEqual({ defaultIsWhole: true, onlyEsm: [], onlyCjs: [], different: [] });
    },
  );

  it('lets named imports name the errors that kafkajs itself hides from native ESM', async () => {
    const seen = await evaluate(
      'errors.mjs',
      `import { KafkaJSError, KafkaJSNonRetriableError, logLevel, CompressionCodecs } from 'kafkajs-failover';
       import kafkajs from 'kafkajs';
       console.log(JSON.stringify([
         KafkaJSError === kafkajs.KafkaJSError,
         KafkaJSNonRetriableError === kafkajs.KafkaJSNonRetriableError,
         logLevel === kafkajs.logLevel,
         CompressionCodecs === kafkajs.CompressionCodecs,
       ]));`,
    );
    expect(seen).toEqual([true, true, true, true]);
  });

  it('has one copy of its error classes across require, import and ./testing', async () => {
    const seen = await evaluate(
      'copies.mjs',
      `import { createRequire } from 'node:module';
       import * as esm from 'kafkajs-failover';
       import 'kafkajs-failover/testing';
       import kafkajs from 'kafkajs';
       const require = createRequire(import.meta.url);
       const cjs = require('kafkajs-failover');
       require('kafkajs-failover/testing');
       let error;
       try { new esm.FailoverKafka({ clusters: {} }); } catch (thrown) { error = thrown; }
       const loaded = Object.keys(require.cache).filter((path) => path.includes('kafkajs-failover'));
       console.log(JSON.stringify({
         ownBase: error instanceof cjs.FailoverError,
         ownClass: error instanceof cjs.FailoverOptionsError,
         kafkajsBase: error instanceof kafkajs.KafkaJSError,
         code: error.code,
         guard: cjs.isFailoverError(error),
         errorModules: loaded.filter((path) => /[/]errors[.]js$/.test(path)).length,
       }));`,
    );
    expect(seen).toEqual({
      ownBase: true,
      ownClass: true,
      kafkajsBase: true,
      code: 'ERR_FAILOVER_OPTIONS',
      guard: true,
      errorModules: 1,
    });
  });

  it.each([
    [
      'carry.cjs',
      `const { FailoverKafka, logLevel } = require('kafkajs-failover');
       const { createMemoryWorld } = require('kafkajs-failover/testing');`,
    ],
    [
      'carry.mjs',
      `import { FailoverKafka, logLevel } from 'kafkajs-failover';
       import { createMemoryWorld } from 'kafkajs-failover/testing';`,
    ],
  ])('carries a service from A to B on clusters in memory: %s', async (file, imports) => {
    const seen = await evaluate(
      file,
      `${imports}
       ${carryOn}
       carryOn().then((result) => console.log(JSON.stringify(result)));`,
    );
    expect(seen).toEqual(['0', 'B', 1]);
  });

  it('needs no p-retry at run time: the package carries it', async () => {
    const seen = await evaluate(
      'retry.cjs',
      `require('kafkajs-failover');
       require('kafkajs-failover/testing');
       let installed = true;
       try { require.resolve('p-retry'); } catch { installed = false; }
       const carried = Object.keys(require.cache).find((path) => path.endsWith('vendor/p-retry.js'));
       const { pRetry } = require(carried);
       let attempts = 0;
       const attempt = async () => { if (++attempts < 3) throw new Error('again'); return attempts; };
       pRetry(attempt, { retries: 5, minTimeout: 0, maxTimeout: 0 }).then((value) => {
         console.log(JSON.stringify({ installed, value }));
       });`,
    );
    expect(seen).toEqual({ installed: false, value: 3 });
  });

  it('keeps its insides to itself', async () => {
    const seen = await evaluate(
      'inside.cjs',
      `const codes = ['kafkajs-failover/dist/errors.js', 'kafkajs-failover/errors'].map((path) => {
         try { require(path); return 'loaded'; } catch (error) { return error.code; }
       });
       console.log(JSON.stringify([...codes, require('kafkajs-failover/package.json').name]));`,
    );
    expect(seen).toEqual([
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
      'kafkajs-failover',
    ]);
  });
});

describe('the packed package in Jest', () => {
  it('loads in CommonJS mode, both entry points, with one copy of everything', async () => {
    await consumer.write({
      'jest.config.json': '{ "transform": {}, "testMatch": ["<rootDir>/jest/*.test.js"] }',
      'jest/loading.test.js': `
        const kafkajs = require('kafkajs');
        const failover = require('kafkajs-failover');
        const testing = require('kafkajs-failover/testing');

        test('re-exports kafkajs by identity', () => {
          for (const name of Object.keys(kafkajs)) expect(failover[name]).toBe(kafkajs[name]);
        });

        test('throws its own errors, which are kafkajs errors', () => {
          expect(() => new failover.FailoverKafka({ clusters: {} })).toThrow(failover.FailoverOptionsError);
          expect(() => new failover.FailoverKafka({ clusters: {} })).toThrow(kafkajs.KafkaJSNonRetriableError);
        });

        const { FailoverKafka, logLevel } = failover;
        const { createMemoryWorld } = testing;
        ${carryOn}
        test('carries a service from A to B on clusters in memory', async () => {
          expect(await carryOn()).toEqual(['0', 'B', 1]);
        });
      `,
    });
    const { exitCode, output } = await consumer.tool('jest/bin/jest.js', '--no-cache');
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/Tests: +3 passed, 3 total/);
  });
});
