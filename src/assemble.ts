import { barrierMs } from './agreement/limits.js';
import { openProbe } from './cluster/probe.js';
import { ClusterOperations } from './cluster-operations.js';
import { Clients, clusterNamed } from './clients.js';
import { controlLogs } from './control-logs.js';
import type { WrongClusterError } from './errors.js';
import { FailoverEmitter } from './emitter.js';
import { LedgerKeeper } from './ledger/keeper.js';
import type { LedgerStatus } from './ledger/report.js';
import { Ledger } from './ledger/ledger.js';
import { LedgerSpool } from './ledger/spool.js';
import { lookHome } from './failback/look.js';
import type { FailBackParts } from './failback/procedure.js';
import { validate as validateHome } from './failback/validate.js';
import type { ResolvedOptions } from './options.js';
import { StandbyCommits } from './position/standby-commits.js';
import { Progress } from './progress.js';
import { NO_REPLAYS, Replaying } from './replay/replaying.js';
import { Replays } from './replay/replays.js';
import { replicationPolicy } from './replication/policy.js';
import { Coordinator } from './switch/coordinator.js';
import { activeOf } from './switch/state.js';
import { Waiters } from './waiters.js';
import { Watch } from './watch.js';

/** @internal What a FailoverKafka is made of. */
export interface FailoverParts {
  readonly events: FailoverEmitter;
  readonly progress: Progress;
  readonly operations: ClusterOperations;
  readonly ledger: {
    /** Undefined where nothing is kept of what was acknowledged. */
    status(): LedgerStatus | undefined;
    /** Resolves when the disk has all of it that is to be kept there. */
    settled(): Promise<void>;
  };
  readonly replaying: Pick<Replaying, 'order'>;
  readonly coordinator: Coordinator;
  /** They look whenever the state is another one. */
  readonly stateWaiters: Waiters;
  readonly watch: Watch;
  readonly clients: Clients;
  /** As {@link FailBackParts.validate}. */
  readonly validate: FailBackParts['validate'];
}

/**
 * Makes the parts and tells each what it needs of the others. Nothing is connected.
 *
 * @param ended - aborted by `close()`, with what calls hear from then on.
 * @internal
 */
export function assemble(options: ResolvedOptions, ended: AbortSignal): FailoverParts {
  const { world, deadlines, aliases } = options;
  const events = new FailoverEmitter(() => ({
    atMs: world.nowMs(),
    switchEpoch: coordinator.switchEpoch(),
  }));
  const openLog = controlLogs(options);
  const progress = new Progress({
    world,
    events,
    aliases,
    options: options.progress,
    openLog,
    steady: () => {
      const { state } = coordinator;
      return state.kind === 'steady' ? state : undefined;
    },
    needs: () => coordinator.needs(),
    standbyCommits: new StandbyCommits({
      policy: replicationPolicy(options.mirror),
      access: (alias) => operations.access(alias),
    }),
  });
  const { onUnmirrored: mode } = options.ledger;
  const replays = mode === 'report' ? undefined : new Replays({ world, aliases, openLog });
  const operations = new ClusterOperations({
    options,
    events,
    progress: () => progress,
    // While a switch opens the target it is the session's: that one's sockets are to be fenced.
    active: () => coordinator.session()?.alias ?? activeOf(coordinator.state),
    onWrongCluster: (active, error) => onWrongCluster(active, error),
    watch: () => watch,
    onUsed: () => {
      keeper?.start();
      replays?.start();
    },
    onReleased: async () => {
      keeper?.stop();
      await replays?.stop();
    },
    replays,
  });
  const ledger = options.ledger.maxBytes === 0 ? undefined : new Ledger(options.ledger.maxBytes);
  const clusters = {
    ...{ world, aliases },
    access: (alias: string) => operations.access(alias),
    remoteTopic: (cluster: string, topic: string) =>
      operations.policy.formatRemoteTopic(cluster, topic),
  };
  const replaying =
    ledger && replays && mode !== 'report'
      ? new Replaying({
          ...{ ...clusters, events, ledger, replays, mode },
          session: () => coordinator.session(),
          producer: () => clients.replayProducer(),
        })
      : NO_REPLAYS;
  const keeper =
    ledger &&
    new LedgerKeeper({
      ...{ ...clusters, events, ledger },
      file: options.ledger.file,
      steady: () => (coordinator.state.kind === 'steady' ? coordinator.state : undefined),
      spool:
        options.ledger.spool &&
        new LedgerSpool({ world, events, ledger, aliases, ...options.ledger.spool }),
      afterSearch: replaying.afterSearch,
    });
  const stateWaiters = new Waiters();
  const coordinator: Coordinator = new Coordinator({
    world,
    events,
    operations,
    deadlines: { ...deadlines, barrierMs: barrierMs(options.agreement, deadlines) },
    fleet: () => watch.fleet,
    ledger: keeper,
    onMoved: () => {
      watch.keep();
      stateWaiters.look();
    },
  });
  const watch = new Watch({
    options,
    events,
    openProbe: (alias, onClosed) =>
      openProbe({
        alias,
        clusterOptions: clusterNamed(options, alias, 'clusters'),
        kafkaConfig: options.kafka,
        world,
        timeoutMs: options.health.timeoutMs,
        onClosed,
      }),
    state: () => coordinator.state,
    groupIds: () => clients.groupIds(),
    identities: () => operations.identities,
    order: (order) => coordinator.order(order),
    halt: (active, error) => coordinator.halt(active, error),
    openLog,
    lookHome: (way, accept, signal) =>
      lookHome({
        ...way,
        ...{ world, operations, accept, signal },
        needs: coordinator.needs(),
        limits: { ...deadlines, ...options.failback },
      }),
  });
  const clients: Clients = new Clients({
    ...{ options, events, operations, coordinator, ledger, ended },
    replays: replays?.index,
  });

  /** Fences first. What then: the option says. */
  function onWrongCluster(active: string, error: WrongClusterError): void {
    coordinator.halt(active, error);
    if (options.onWrongCluster === 'halt') return;
    const real = aliases.find((one) => operations.identities.isKnownAs(one, error.actualClusterId));
    if (real === undefined || real === active) return;
    const reason = `behind the name ${active} stands ${real}`;
    // How it ends comes by the events of the switch.
    watch.order({ to: real, planned: false, reason }, 'identity').catch(() => {});
  }

  const validate: FailBackParts['validate'] = (from, signal) =>
    validateHome({
      ...{ world, operations, aliases, from, openLog, signal },
      to: aliases[0],
      needs: coordinator.needs(),
      limits: options.failback,
    });
  return {
    events,
    progress,
    operations,
    ledger: {
      status: () => keeper && { ...keeper.status(), replay: replaying.status() },
      settled: async () => keeper?.settled(),
    },
    replaying,
    coordinator,
    stateWaiters,
    watch,
    clients,
    validate,
  };
}
