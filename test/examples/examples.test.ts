import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startChildOfTest, type Child } from './child.js';
import { standaloneExamples } from './standalone.js';

function example(name: string): Child {
  return startChildOfTest(['node', '--import', 'tsx', `examples/${name}.ts`], {
    A_BROKERS: undefined,
  });
}

describe('the examples on clusters in memory', () => {
  standaloneExamples(example);

  it('a service leaves a cluster that is killed, by itself', async () => {
    const service = example('health');
    expect(await service.ended, service.stderr()).toBe(0);
    expect(service.stdout()).toMatch(/switched from A to B: A is unhealthy: /);
    expect(service.stdout()).toContain('goes on with B');
  });

  it('says what is missing where an existing service is not told its brokers', async () => {
    const service = example('after');
    expect(await service.ended).toBe(1);
    expect(service.stderr()).toContain('A_BROKERS must name the brokers of cluster A');
  });
});

describe('before and after', () => {
  it('differ in the import and the option `clusters` alone', async () => {
    const [before, after] = await Promise.all([codeOf('before'), codeOf('after')]);
    const gone = before.filter((line) => !after.includes(line));
    const added = after.filter((line) => !before.includes(line));
    expect(before).toHaveLength(after.length);
    expect(gone).toEqual([
      "import { Kafka, type EachMessagePayload } from 'kafkajs';",
      "brokers: brokersOf('A'),",
    ]);
    expect(added).toEqual([
      "import { FailoverKafka as Kafka, type EachMessagePayload } from 'kafkajs-failover';",
      "clusters: { A: { brokers: brokersOf('A') }, B: { brokers: brokersOf('B') } },",
    ]);
  });
});

/** A file's lines of code, without comments. */
async function codeOf(name: string): Promise<readonly string[]> {
  const text = await readFile(join(__dirname, `../../examples/${name}.ts`), 'utf8');
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^(\/\*\*|\*)/.test(line));
}
