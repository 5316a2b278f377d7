import { describe, expect, it } from 'vitest';
import { isSetSince, type SetEvidence } from '../../src/position/standby-commits.js';

describe('a commit of the group on the cluster that it begins on', () => {
  const recorded = { isPast: false, onStandby: 40n } as const;
  const evidence: SetEvidence = { ownCommit: 10n, checkpointed: 90n, recorded };

  it.each<[string, Partial<SetEvidence>, boolean]>([
    ['another one than members had seen', {}, true],
    ['one where they had seen none', { recorded: { isPast: false, onStandby: 'none' } }, true],
    ['the one that they had seen: of an earlier stay', { ownCommit: 40n }, false],
    ['one that nobody had looked at', { recorded: { isPast: false, onStandby: undefined } }, false],
    ['none', { ownCommit: undefined }, false],
    ['one of which no member has written', { recorded: undefined }, false],
    ['what MirrorMaker commits itself', { ownCommit: 90n }, false],
    [
      'one of a group that has worked here since',
      { recorded: { isPast: true, onStandby: undefined } },
      true,
    ],
  ])('%s', (_what, more, isSet) => {
    expect(isSetSince({ ...evidence, ...more })).toBe(isSet);
  });
});
