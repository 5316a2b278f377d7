import type { Message, Transaction } from 'kafkajs';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { startTransformer, type Transformation } from '../../examples/transformer.js';

/** What became of a transaction, by what its caller was told. */
export type Outcome = 'committed' | 'unknown' | 'aborted';

/** One transaction: the result that it wrote, and why it failed. */
export interface Attempt {
  readonly order: string;
  /** The value of its result, which no other transaction writes. */
  readonly result: string;
  outcome: Outcome;
  code: string | undefined;
}

/**
 * The example's loop, watched. Each result is a value of its own, and says what it was made of: the same order comes again with another
 * one.
 */
export async function startObserved(
  kafka: FailoverKafka,
  names: Omit<Transformation, 'resultOf' | 'transactionalId'>,
  before: (attempt: number) => Promise<void> = () => Promise.resolve(),
): Promise<readonly Attempt[]> {
  const attempts: Attempt[] = [];
  let resultCount = 0;
  const watched: Parameters<typeof startTransformer>[0] = {
    consumer: (config) => kafka.consumer(config),
    producer: (config) => {
      const producer = kafka.producer(config);
      return {
        ...producer,
        transaction: async () => observed(await producer.transaction(), attempts),
      };
    },
  };
  await startTransformer(watched, {
    ...names,
    transactionalId: `${names.groupId}-1`,
    resultOf: async ({ value }): Promise<Message> => {
      const order = String(value);
      resultCount += 1;
      const attempt = resultCount;
      await before(attempt);
      return { key: order, value: `${order}#${attempt}` };
    },
  });
  return attempts;
}

function observed(transaction: Transaction, attempts: Attempt[]): Transaction {
  let attempt: Attempt | undefined;
  const failed = (outcome: Outcome) => (error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    const isFenced = code === 'ERR_FAILOVER_TRANSACTION_FENCED';
    if (attempt !== undefined)
      Object.assign(attempt, { outcome: isFenced ? 'aborted' : outcome, code });
    throw error;
  };
  return {
    ...transaction,
    send: (record) => {
      const [{ key, value }] = record.messages as [Message];
      attempt = { order: String(key), result: String(value), outcome: 'aborted', code: undefined };
      attempts.push(attempt);
      return transaction.send(record).catch(failed('aborted'));
    },
    sendOffsets: (offsets) => transaction.sendOffsets(offsets).catch(failed('aborted')),
    commit: () =>
      transaction.commit().then(() => {
        if (attempt !== undefined) attempt.outcome = 'committed';
      }, failed('unknown')),
  };
}

/**
 * What is wrong with the results that a reader of committed records sees on the two clusters, in their own logs, without the copies:
 * each committed transaction has one, an aborted one has none, one whose commit is unknown may have one, and each order has at least one.
 */
export function faultsOf(
  orders: readonly string[],
  attempts: readonly Attempt[],
  visible: readonly string[],
): readonly string[] {
  const limits = { committed: [1, 1], unknown: [0, 1], aborted: [0, 0] } as const;
  const counts = new Map<string, number>();
  for (const result of visible) counts.set(result, (counts.get(result) ?? 0) + 1);
  const known = new Set(attempts.map(({ result }) => result));
  const priced = new Set(visible.map((result) => result.split('#')[0]));
  return [
    ...attempts.flatMap(({ result, outcome }) => {
      const count = counts.get(result) ?? 0;
      const [least, most] = limits[outcome];
      return count < least || count > most
        ? [`${result}, ${outcome}, is there ${count} times`]
        : [];
    }),
    ...visible.flatMap((result) => (known.has(result) ? [] : [`nobody has written ${result}`])),
    ...orders.flatMap((order) => (priced.has(order) ? [] : [`${order} has no result`])),
  ];
}
