import { describe, expect, it } from 'vitest';
import { dealtMembers, markedStandby, withoutMark } from '../../src/consumer/standby-mark.js';
import { kafka } from '../../src/kafkajs.js';

const { MemberMetadata } = kafka.AssignerProtocol;

function metadata(userData = Buffer.from('own data')): Buffer {
  return MemberMetadata.encode({ version: 1, topics: ['orders'], userData });
}

const working = (memberId: string) => ({ memberId, memberMetadata: metadata() });
const waiting = (memberId: string) => ({ memberId, memberMetadata: markedStandby(metadata()) });

describe('the mark of a member that only waits', () => {
  it('leaves version, topics and user data as the assigner wrote them', () => {
    expect(withoutMark(waiting('m'))).toEqual(working('m'));
  });

  it('is not seen in members that work, nor in metadata of another format', () => {
    expect(withoutMark(working('m'))).toBeUndefined();
    const texts = ['', 'no such format', '\u0000\u0001\u0000\u0000\u0000\u0009x'];
    for (const text of texts) {
      expect(withoutMark({ memberId: 'm', memberMetadata: Buffer.from(text) })).toBeUndefined();
    }
  });

  it('cannot be put into another format: such a member does not wait', () => {
    expect(() => markedStandby(Buffer.from('x'))).toThrow();
  });
});

describe('who is dealt partitions', () => {
  it('are all, where nobody waits', () => {
    const members = [working('a'), working('b')];
    expect(dealtMembers(members)).toEqual({ members, leftOut: [] });
  });

  it('are those that work, where somebody works', () => {
    const members = [waiting('a'), working('b'), waiting('c')];
    expect(dealtMembers(members)).toEqual({
      members: [working('b')],
      leftOut: [waiting('a'), waiting('c')],
    });
  });

  it('are all, where all wait; the assigner sees them as it knows them', () => {
    const members = [waiting('a'), waiting('b')];
    expect(dealtMembers(members)).toEqual({ members: [working('a'), working('b')], leftOut: [] });
  });
});
