import {
  healthNeedsAQuorum,
  noMemberMovesAlone,
  obeysNothingOlder,
  oneDecisionForAnEpoch,
  theFleetIsTogether,
} from './agreement-checkers.js';
import {
  nobodyHandlesOnBothClusters,
  nothingIsWrittenAfterTheLease,
  obeyedIsFenced,
} from './barrier-checkers.js';
import {
  automaticSwitchesAreRare,
  everybodyArrives,
  ignoranceNeverSwitches,
} from './decision-checkers.js';
import type { Run } from './history.js';
import {
  epochsOnlyGrow,
  nothingIsWrittenAfterTheFence,
  oneClusterAtATime,
  oneHandlerAtATime,
  positionsBeforeHandling,
  promisesSettle,
} from './process-checkers.js';
import {
  acknowledgedIsHandled,
  commitsNeverRunAhead,
  handlingLeavesNoGap,
  noSilentReset,
  nothingIsReplayedTwice,
  notSentIsNowhere,
  plansSkipNothing,
  theTailIsNamed,
} from './record-checkers.js';
import { removedIsNamed } from './removal-checkers.js';

/** The invariants that are checked so far, by their numbers in the reliability notes. */
export type Invariant =
  | 'I1'
  | 'I2'
  | 'I3'
  | 'I5'
  | 'I7'
  | 'I8'
  | 'I9'
  | 'I10'
  | 'I11'
  | 'I14'
  | 'I16'
  | 'I17'
  | 'I18'
  | 'I19';

/** What a checker found: the invariant, and the evidence in words. */
export interface Violation {
  readonly invariant: Invariant;
  readonly evidence: string;
}

/** Looks at a whole run; the answer is evidence of each violation. */
export type Checker = (run: Run) => readonly string[];

/** Every checker, by its invariant. */
export const CHECKERS: Readonly<Record<Invariant, readonly Checker[]>> = {
  I1: [acknowledgedIsHandled, theTailIsNamed, nothingIsReplayedTwice],
  I2: [notSentIsNowhere],
  I3: [plansSkipNothing],
  I5: [handlingLeavesNoGap],
  I7: [
    nothingIsWrittenAfterTheFence,
    oneClusterAtATime,
    nothingIsWrittenAfterTheLease,
    obeyedIsFenced,
  ],
  I8: [epochsOnlyGrow, obeysNothingOlder],
  I9: [oneDecisionForAnEpoch, noMemberMovesAlone],
  I10: [ignoranceNeverSwitches, healthNeedsAQuorum],
  I11: [automaticSwitchesAreRare],
  I14: [noSilentReset, removedIsNamed],
  I16: [commitsNeverRunAhead],
  I17: [promisesSettle, oneHandlerAtATime, nobodyHandlesOnBothClusters],
  I18: [positionsBeforeHandling],
  I19: [everybodyArrives, theFleetIsTogether],
};

/** Checks a run against every invariant. */
export function check(run: Run): readonly Violation[] {
  // The keys of the record are its invariants.
  const invariants = Object.keys(CHECKERS) as Invariant[];
  return invariants.flatMap((invariant) =>
    CHECKERS[invariant].flatMap((checker) =>
      checker(run).map((evidence) => ({ invariant, evidence })),
    ),
  );
}
