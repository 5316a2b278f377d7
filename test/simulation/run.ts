import { createHash } from 'node:crypto';
import { setImmediate as turnOfTheEventLoop } from 'node:timers/promises';
import { kafkajsInTurn } from '../../src/testing/client/memory-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { memoryWorldWith } from '../../src/testing/memory-world.js';
import { check, type Violation } from './checkers.js';
import { absentMsOf } from './agreeing.js';
import { Conditions } from './conditions.js';
import { ControlPlane } from './control-plane.js';
import { Fleet } from './fleet.js';
import { Foreigners } from './foreigners.js';
import type { HistoryEvent, Run } from './history.js';
import { KeptLogs } from './kept-logs.js';
import { replaysIn } from './replays.js';
import { watchCommits } from './observation.js';
import { comeToRest, settle } from './rest.js';
import { drawScenario, type Scenario } from './scenario.js';
import { MEASURES, type Size } from './size.js';
import { DEADLINES, HOLD_MAX_WAIT_MS, RECEIPTS, TOPIC } from './service.js';
import { Source } from './source.js';
import { heal, performSteps, type Stage } from './steps.js';

/** What came of one seed. */
export interface SeedResult {
  readonly seed: string;
  readonly scenario: Scenario;
  readonly run: Run;
  readonly violations: readonly Violation[];
}

/** kafkajs's own retries may come before a switch is ordered, so a send may take their time on top. */
const RETRIES_MS = 45_000;

/** The switch under way, the order's own, and a roll back of each. */
const SWITCHES_PER_ORDER = 4;

/** Simulated milliseconds after which a run that does not end is given up. */
const RUN_LIMIT_MS = 600_000;

/** Longer than any run. */
const NEVER_MS = 3_600_000;

/** One seed is run after the other. */
const loadKafkaJs = kafkajsInTurn();

/**
 * Runs one seed and checks its history. One at a time.
 *
 * @param size - by default the seed's own.
 */
export async function runSeed(seed: string, size?: Size): Promise<SeedResult> {
  const scenario = drawScenario(seed, size);
  const memory = makeWorld(scenario);
  const events: HistoryEvent[] = [];
  const pending = new Set<string>();
  const logs = new KeptLogs(memory, events);
  let finalClusters: readonly string[] = [];
  const life = async (): Promise<void> => {
    finalClusters = await live(scenario, memory, { events, pending, logs });
  };
  try {
    await memory.run(life, { limitMs: RUN_LIMIT_MS });
  } finally {
    memory.close();
    // Promises that are left settle in the world that they belong to.
    await turnOfTheEventLoop();
  }
  const switchMs = Object.values(DEADLINES).reduce((sum, one) => sum + one, 0);
  const run: Run = {
    seed,
    events,
    logs: logs.all(),
    replays: replaysIn(memory),
    unsettledSends: [...pending],
    sendLimitMs: HOLD_MAX_WAIT_MS + RETRIES_MS,
    orderLimitMs: (switchMs + barrierMsOf(scenario)) * SWITCHES_PER_ORDER,
    onMissingPosition: scenario.onMissingPosition,
    automation: scenario.automation,
    agreement: scenario.agreement,
    isShared: scenario.policy === 'identity',
    finalClusters,
  };
  return { seed, scenario, run, violations: check(run) };
}

/** How long a switch may wait for other processes, twice. */
function barrierMsOf({ agreement }: Scenario): number {
  if (agreement === undefined) return 0;
  return 2 * (absentMsOf(agreement) + DEADLINES.drainMs + DEADLINES.handlersMs);
}

function makeWorld(scenario: Scenario): MemoryWorld {
  const { seed, policy, partitionCount, copyLagMs, offsetLagMax, offsetSyncsLocation } = scenario;
  const { hasCheckpoints, handler, size } = scenario;
  const minSessionTimeoutMs = MEASURES[size].sessionMs;
  const topics = { [TOPIC]: partitionCount, ...(handler.sends ? { [RECEIPTS]: 1 } : {}) };
  return memoryWorldWith(loadKafkaJs, {
    seed,
    clusters: { A: { topics, minSessionTimeoutMs }, B: { topics, minSessionTimeoutMs } },
    mirror: {
      policy,
      copyLagMs,
      offsetLagMax,
      offsetSyncsLocation,
      ...(hasCheckpoints ? {} : { emitCheckpointsIntervalMs: NEVER_MS }),
      ...(policy === 'identity' ? { flows: ['A->B'] as const } : {}),
    },
  });
}

/**
 * The life of a fleet: it works, is disturbed and sent about; then everything is healed, and it has to come to rest.
 *
 * @returns where it ends.
 */
async function live(
  scenario: Scenario,
  memory: MemoryWorld,
  { events, pending, logs }: { events: HistoryEvent[]; pending: Set<string>; logs: KeptLogs },
): Promise<readonly string[]> {
  const { clock, random } = memory;
  const { automation, agreement } = scenario;
  const { hearsWithinMs = 0, hasEpochs = false } = automation ?? {};
  const source = new Source(random.fork('source'), { hearsWithinMs, hasEpochs });
  const plane = agreement === undefined ? undefined : new ControlPlane(agreement, memory, events);
  const fleet = new Fleet(memory, scenario, { events, pending, source, plane });
  const stage: Stage = {
    memory,
    fleet,
    source,
    plane,
    conditions: new Conditions(memory, events),
    logs,
    foreigners: new Foreigners(memory, scenario, events),
    events,
  };
  watchCommits(memory, events);
  for (let count = 0; count < scenario.processCount; count += 1) await fleet.join();
  const endAtMs = clock.nowMs() + scenario.trafficMs;
  const steps = performSteps(scenario.steps, stage);
  while (clock.nowMs() < endAtMs) {
    fleet.send(`key-${random.below(6)}`);
    await clock.sleep(scenario.sendEveryMs);
  }
  await steps;
  if (automation?.leftDead !== undefined) {
    heal(stage, automation.leftDead);
    await settle(stage);
  }
  heal(stage);
  await stage.foreigners.leave();
  await fleet.recover();
  await comeToRest(memory, events, { pending, scenario, fleet });
  if (automation !== undefined) await settle(stage, automation);
  const finalClusters = fleet.clusters;
  await fleet.stop();
  return finalClusters;
}

/** Equal for equal histories. */
export function traceOf({ run: { events } }: SeedResult): string {
  const hash = createHash('sha256');
  for (const event of events) {
    hash.update(
      JSON.stringify(event, (_key, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      ),
    );
  }
  return hash.digest('hex').slice(0, 16);
}
