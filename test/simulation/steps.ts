import { Buffer } from 'node:buffer';
import { encodeCheckpoint } from '../../src/replication/records.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { unreachable } from '../../src/unreachable.js';
import type { Conditions } from './conditions.js';
import type { ControlPlane } from './control-plane.js';
import type { Fleet } from './fleet.js';
import type { Foreigners } from './foreigners.js';
import type { HistoryEvent } from './history.js';
import type { KeptLogs } from './kept-logs.js';
import type { Step } from './scenario.js';
import { GROUP, TOPIC } from './service.js';
import type { Source } from './source.js';

/** What steps are performed on. */
export interface Stage {
  readonly memory: MemoryWorld;
  readonly fleet: Fleet;
  readonly conditions: Conditions;
  readonly source: Source;
  readonly plane: ControlPlane | undefined;
  readonly logs: KeptLogs;
  readonly foreigners: Foreigners;
  readonly events: HistoryEvent[];
}

/** Performs the steps of a scenario, each at its time. */
export async function performSteps(steps: readonly Step[], stage: Stage): Promise<void> {
  const { memory, events } = stage;
  const { clock } = memory;
  const begunAtMs = clock.nowMs();
  for (const step of steps) {
    const waitMs = begunAtMs + step.atMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    const { atMs: _atMs, ...what } = step;
    events.push({ atMs: clock.nowMs(), kind: 'fault', what: JSON.stringify(what) });
    perform(step, stage);
  }
}

function perform(step: Step, stage: Stage): void {
  const { memory, fleet, foreigners, conditions, source, plane } = stage;
  switch (step.kind) {
    case 'order':
      fleet.order(step);
      return;
    case 'join':
      void fleet.join();
      return;
    case 'leave':
      fleet.leave();
      return;
    case 'close':
    case 'crash':
      fleet.end(step.kind);
      return;
    case 'stall':
      fleet.stall(step.forMs);
      return;
    case 'slow':
      memory.cluster(step.cluster).slow(step.byMs);
      return;
    case 'lose-ack':
      memory.cluster(step.cluster).loseNextAcknowledgement(step.apiName);
      return;
    case 'mirror':
      steerMirror(memory, step);
      return;
    case 'checkpoints':
      spoilCheckpoints(memory, step);
      return;
    case 'retention':
      removeByAge(step, stage);
      return;
    case 'remake':
      deleteCopies(step, stage);
      return;
    case 'set-back':
      void fleet.setBack(step.byCount);
      return;
    case 'foreigner':
      void foreigners.visit(step.cluster, step.forMs);
      return;
    case 'down':
    case 'up':
    case 'freeze':
    case 'thaw':
    case 'refuse':
    case 'blackhole':
    case 'heal':
      conditions.steer(step.cluster, step.kind);
      return;
    case 'halve':
      conditions.halve(step.cluster, step.how);
      return;
    case 'cut':
      cutOff(step, stage);
      return;
    case 'sleep':
      fleet.oldest?.own.sleep(step.forMs);
      return;
    case 'jump-wall':
      for (const { own } of fleet.services) own.jumpWall(step.byMs);
      return;
    case 'state-file':
      for (const host of fleet.hosts) {
        if (step.what === 'corrupt') host.corrupt();
        else if (step.what === 'remove') host.remove();
        else host.setWritable(step.what === 'free-disk');
      }
      return;
    case 'set':
      source.set(step.to, step.mode);
      return;
    case 'source':
      source[step.what]();
      return;
    case 'deafen':
      source.deafen(step.who);
      return;
    case 'isolate':
      plane?.cutOff(step.who);
      return;
    case 'agreement':
      plane?.[step.what]();
      return;
    case 'decide':
      plane?.decide(step.to, step.mode);
      return;
    default:
      unreachable(step);
  }
}

/** One process cannot reach a cluster that all others reach. */
function cutOff(
  { cluster, forMs }: Extract<Step, { kind: 'cut' }>,
  { memory, fleet, events }: Stage,
): void {
  const service = fleet.oldest;
  if (service === undefined) return;
  const { own, number: process } = service;
  const note = (faults: readonly 'cut'[]): void => {
    events.push({ atMs: memory.clock.nowMs(), kind: 'condition', cluster, process, faults });
  };
  own.cut(cluster);
  note(['cut']);
  memory.clock.after(forMs, () => {
    own.uncut(cluster);
    note([]);
  });
}

function steerMirror(memory: MemoryWorld, step: Extract<Step, { kind: 'mirror' }>): void {
  const mirror = memory.mirrors.find(({ source, target }) => `${source}->${target}` === step.flow);
  if (mirror === undefined) return;
  if (step.what === 'start' && mirror.state !== 'stopped') return;
  if (step.what === 'resume' && mirror.state !== 'paused') return;
  mirror[step.what]();
}

/** Retention asks nobody whether it was read. */
function removeByAge(
  { cluster, what, share }: Extract<Step, { kind: 'retention' }>,
  { memory, logs }: Stage,
): void {
  const mirror = memory.mirrors.find(({ target }) => target === cluster);
  const topic = what === 'born' ? TOPIC : mirror?.remoteTopic(TOPIC);
  if (topic !== undefined) logs.trim(memory.cluster(cluster), topic, share);
}

/** Where somebody reads it, kafkajs itself would commit places of the old log in the new one. */
function deleteCopies(
  { flow }: Extract<Step, { kind: 'remake' }>,
  { memory, fleet, conditions, logs, foreigners }: Stage,
): void {
  const mirror = memory.mirrors.find(({ source, target }) => `${source}->${target}` === flow);
  if (mirror === undefined || !fleet.isSettledOn(mirror.source) || foreigners.areThere) return;
  // Nobody can delete anything there.
  if (conditions.of(mirror.target).length > 0) return;
  logs.delete(memory.cluster(mirror.target), mirror.remoteTopic(TOPIC));
}

const NOBODY = 'another-group';

/** None of it may be obeyed: what cannot be read, what leads out of a log, and what is about somebody else. */
function spoilCheckpoints(
  memory: MemoryWorld,
  { flow, what }: Extract<Step, { kind: 'checkpoints' }>,
): void {
  const mirror = memory.mirrors.find(({ source, target }) => `${source}->${target}` === flow);
  if (mirror === undefined) return;
  const target = memory.cluster(mirror.target);
  const name = `${mirror.source}.checkpoints.internal`;
  if (!target.topicNames().includes(name)) return;
  if (what === 'delete') {
    target.deleteTopic(name);
    return;
  }
  const topic = mirror.remoteTopic(TOPIC);
  for (let partition = 0; partition < target.partitionCount(topic); partition += 1) {
    const { high } = target.range(topic, partition);
    const key = { group: GROUP, topic, partition };
    const end = encodeCheckpoint(key, {
      upstreamOffset: high,
      downstreamOffset: high,
      metadata: '',
    });
    const newer = Buffer.from(end.value);
    newer.writeInt16BE(1);
    const at = (downstreamOffset: bigint): { key: Buffer; value: Buffer } =>
      encodeCheckpoint(key, { upstreamOffset: high, downstreamOffset, metadata: '' });
    target.append(name, 0, [
      { key: end.key, value: newer },
      { key: end.key, value: end.value.subarray(0, 7) },
      { key: null, value: end.value },
      at(-1n),
      { key: encodeCheckpoint({ ...key, group: NOBODY }, HERE).key, value: end.value },
      at(high + 1_000_000n),
    ]);
  }
}

const HERE = { upstreamOffset: 0n, downstreamOffset: 0n, metadata: '' };

/** Takes every fault back, but for a cluster that stays dead a while longer. */
export function heal({ memory, conditions, source, plane, fleet }: Stage, leftDead?: string): void {
  for (const cluster of memory.clusters) {
    if (cluster.alias !== leftDead) conditions.heal(cluster);
  }
  source.heal();
  plane?.heal();
  plane?.quicken();
  for (const host of fleet.hosts) host.setWritable(true);
  for (const mirror of memory.mirrors) {
    if (mirror.state === 'stopped') mirror.start();
    if (mirror.state === 'paused') mirror.resume();
  }
}
