import type { Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { ProduceAttempt, SendTag, type ProducedTopic } from '../../src/cluster/produce-tap.js';
import { SequenceGuard } from '../../src/cluster/sequence-guard.js';
import { FencedError } from '../../src/errors.js';
import { fateOf, isRestUnknown, isWhollyAcknowledged, outcomeOf } from '../../src/producer/fate.js';
import { InnerProducer } from '../../src/producer/inner-producer.js';
import { messageCountOf, type Payload } from '../../src/producer/payload.js';
import { PendingSend } from '../../src/producer/pending-send.js';
import { FakeSession } from './support.js';

const NOT_LEADER = 6;
const NOT_ENOUGH_REPLICAS = 19;
const REQUEST_TIMED_OUT = 7;

const [one, two, three]: [Message, Message, Message] = [
  { value: '1' },
  { value: '2' },
  { value: '3' },
];

/** What one request carries: the messages of each partition of `orders`. */
const carries = (...partitions: Message[][]): ProducedTopic[] => [
  {
    topic: 'orders',
    partitions: partitions.flatMap((messages, partition) =>
      messages.length === 0 ? [] : [{ partition, messages }],
    ),
  },
];

type Course = Partial<Pick<ProduceAttempt, 'written' | 'isOver'>> & {
  /** Error code by partition; the base offset is ten times the partition. */
  readonly answers?: Readonly<Record<number, number>>;
};

function attempt(topics: ProducedTopic[], { answers, ...course }: Course = {}): ProduceAttempt {
  const made = Object.assign(new ProduceAttempt(topics), course);
  if (answers === undefined) return made;
  const partitions = Object.entries(answers).map(([partition, errorCode]) => ({
    partition: Number(partition),
    errorCode,
    baseOffset: String(10 * Number(partition)),
  }));
  return Object.assign(made, {
    written: true,
    isOver: true,
    answer: { topics: [{ topicName: 'orders', partitions }] },
  });
}

interface Judged {
  readonly send: PendingSend;
  readonly inner: InnerProducer;
}

function judged(
  attempts: readonly ProduceAttempt[],
  {
    payload = ordersOf(one, two, three),
    fenced = true,
  }: { payload?: Payload; fenced?: boolean } = {},
): Judged {
  const session = new FakeSession('A', 7);
  const wire = session.countedClient().wire;
  const inner = new InnerProducer(session.kafka.producer(), session, {
    wire,
    cluster: undefined,
    tap: { sequences: new SequenceGuard(), hasUntagged: false },
  });
  const call = { method: 'sendBatch', payload, calledAtWallMs: 0, deadlineAtMs: 0 } as const;
  const send = new PendingSend(
    call,
    () => {},
    () => {},
  );
  const tag = new SendTag(undefined);
  for (const attempt of attempts) tag.began(attempt);
  send.tag = tag;
  send.recordCount = messageCountOf(payload);
  if (fenced) session.fence(new FencedError('a switch'));
  return { send, inner };
}

const ordersOf = (...messages: Message[]): Payload => ({ topic: 'orders', messages });

/** The values of what a send came to: `1 acknowledged at 0-10, ...`. */
function told({ send, inner }: Judged): { kind: string; parts: string[] } {
  const fate = fateOf(send, inner);
  send.keepAcknowledged(inner, fate);
  const { kind, parts } = outcomeOf(send, fate.maybe);
  return {
    kind,
    parts: parts.map(
      (part) =>
        `${part.messages.map(({ value }) => value).join('+')} ${part.kind}${part.kind === 'acknowledged' ? ` ${part.metadata.cluster}/${part.metadata.switchEpoch} ${part.metadata.partition}-${part.metadata.baseOffset}` : ''}`,
    ),
  };
}

describe('what became of a send, by the wire', () => {
  it('was not sent where kafkajs has made no request of it', () => {
    expect(told(judged([]))).toEqual({ kind: 'not-sent', parts: ['1+2+3 not-sent'] });
  });

  it('was not sent where its request never reached a socket', () => {
    expect(told(judged([attempt(carries([one, two, three]))])).kind).toBe('not-sent');
  });

  it('is unknown while kafkajs still has it in its hands, and no fence holds it back', () => {
    const { send, inner } = judged([attempt(carries([one, two, three]))], { fenced: false });
    expect(isRestUnknown(fateOf(send, inner))).toBe(true);
  });

  it('was not sent where kafkajs has given a request up that never reached a socket', () => {
    const failed = judged([attempt(carries([one, two, three]), { isOver: true })], {
      fenced: false,
    });
    expect(told(failed).kind).toBe('not-sent');
  });

  it('is unknown where its request was written and nobody answered', () => {
    const written = attempt(carries([one, two, three]), { written: true, isOver: true });
    expect(told(judged([written]))).toEqual({ kind: 'unknown', parts: ['1+2+3 unknown'] });
  });

  it('is told part by part: one broker answered, another did not, a third got nothing', () => {
    const attempts = [
      attempt(carries([one]), { answers: { 0: 0 } }),
      attempt(carries([], [two]), { written: true }),
      attempt(carries([], [], [three])),
    ];
    expect(told(judged(attempts))).toEqual({
      kind: 'unknown',
      parts: ['1 acknowledged A/7 0-0', '2 unknown', '3 not-sent'],
    });
  });

  it('is partial where the rest was certainly not sent', () => {
    const attempts = [
      attempt(carries([one]), { answers: { 0: 0 } }),
      attempt(carries([], [two, three])),
    ];
    const { send, inner } = judged(attempts);
    expect(fateOf(send, inner).rest).toEqual(ordersOf(two, three));
    expect(told({ send, inner }).kind).toBe('partial');
  });

  it.each([
    ['refused before it was appended', NOT_ENOUGH_REPLICAS, 'partial'],
    ['perhaps appended, as after a timeout of the replicas', REQUEST_TIMED_OUT, 'unknown'],
    ['perhaps appended, as by a leader that is none any more', NOT_LEADER, 'unknown'],
  ])('an error of a partition: %s', (_what, errorCode, kind) => {
    const mixed = attempt(carries([one], [two, three]), { answers: { 0: 0, 1: errorCode } });
    expect(told(judged([mixed])).kind).toBe(kind);
  });

  it('forgets an unknown attempt of what a later one was acknowledged for', () => {
    const attempts = [
      attempt(carries([one, two, three]), { written: true, isOver: true }),
      attempt(carries([one, two, three]), { answers: { 0: 0 } }),
    ];
    const { send, inner } = judged(attempts);
    expect(fateOf(send, inner).isWhole).toBe(true);
  });

  it('takes out of a batch what was acknowledged, and leaves the rest in its order', () => {
    const batch = {
      acks: 1,
      topicMessages: [
        { topic: 'audit', messages: [one] },
        { topic: 'orders', messages: [one, two, three] },
      ],
    };
    const attempts = [attempt(carries([one, three]), { answers: { 0: 0 } })];
    const { send, inner } = judged(attempts, { payload: batch });
    expect(fateOf(send, inner).rest).toEqual({
      acks: 1,
      topicMessages: [
        { topic: 'audit', messages: [one] },
        { topic: 'orders', messages: [two] },
      ],
    });
    expect(batch.topicMessages[1]?.messages).toEqual([one, two, three]);
  });

  it('wants two copies of a message that was passed twice', () => {
    const payload = ordersOf(one, one);
    const first = judged([attempt(carries([one]), { answers: { 0: 0 } })], { payload });
    expect(fateOf(first.send, first.inner).rest).toEqual(ordersOf(one));
    const both = judged([attempt(carries([one, one]), { answers: { 0: 0 } })], { payload });
    expect(fateOf(both.send, both.inner).isWhole).toBe(true);
  });

  it('does not know which part was acknowledged where tracing has sent copies', () => {
    const copies = carries([{ ...one }]);
    const { send, inner } = judged([attempt(copies, { answers: { 0: 0 } })]);
    const fate = fateOf(send, inner);
    expect([fate.acknowledged, fate.rest, isRestUnknown(fate)]).toEqual([[], send.payload, true]);
    const whole = carries([{ ...one }, { ...two }, { ...three }]);
    const complete = judged([attempt(whole, { answers: { 0: 0 } })]);
    expect(fateOf(complete.send, complete.inner).isWhole).toBe(true);
  });
});

describe('the quick look at what kafkajs has resolved', () => {
  it('sees that every message was acknowledged once', () => {
    const { send } = judged([
      attempt(carries([one]), { answers: { 0: 0 } }),
      attempt(carries([], [two, three]), { answers: { 1: 0 } }),
    ]);
    expect(isWhollyAcknowledged(send)).toBe(true);
  });

  it('sees that one is missing', () => {
    const { send } = judged([
      attempt(carries([one]), { answers: { 0: 0 } }),
      attempt(carries([], [two]), { answers: { 1: 0 } }),
    ]);
    expect(isWhollyAcknowledged(send)).toBe(false);
  });

  it('is no proof where an attempt failed: the same one may have been written twice, and another one not at all', () => {
    const { send } = judged([
      attempt(carries([one, two]), { written: true, isOver: true }),
      attempt(carries([three]), { answers: { 0: 0 } }),
    ]);
    expect(isWhollyAcknowledged(send)).toBe(false);
  });

  it('has nothing to look at where nobody is asked to acknowledge', () => {
    const payload = { ...ordersOf(one), acks: 0 };
    const { send } = judged([attempt(carries([one]), { written: true })], { payload });
    expect(isWhollyAcknowledged(send)).toBe(true);
  });
});
