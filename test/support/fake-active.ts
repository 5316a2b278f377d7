import type { ClusterSession } from '../../src/cluster/session.js';
import type { GroupNeed } from '../../src/position/need.js';
import type { GroupPlan } from '../../src/position/plan.js';
import type { ActiveCluster } from '../../src/switch/active.js';
import type { Participant } from '../../src/switch/participant.js';

/** The coordinator, as its clients see it, in the test's hands. */
export class FakeActive<Session extends ClusterSession> implements ActiveCluster {
  /** The session of the active cluster; none while a switch is under way. */
  inForce: Session | undefined;
  epoch = 1;
  startAnswer: Promise<void> = Promise.resolve();
  /** Of a group that comes from another cluster. */
  plan: GroupPlan | undefined;
  readonly participants = new Set<Participant>();
  /** What the coordinator tells who registers while something goes on. */
  onRegister: (participant: Participant) => void = () => {};

  constructor(inForce: Session) {
    this.inForce = inForce;
  }

  session(): Session | undefined {
    return this.inForce;
  }
  switchEpoch(): number {
    return this.epoch;
  }
  started(): Promise<void> {
    return this.startAnswer;
  }
  register(participant: Participant): void {
    this.participants.add(participant);
    this.onRegister(participant);
  }
  unregister(participant: Participant): void {
    this.participants.delete(participant);
  }
  releaseUnused(): void {}
  async planAtStart(_need: GroupNeed, hasRun = false): Promise<GroupPlan | undefined> {
    return hasRun ? undefined : this.plan;
  }
}
