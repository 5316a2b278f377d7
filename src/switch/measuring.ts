import type { EventSink } from '../events.js';
import type { HeartbeatState } from '../replication/mirror.js';
import type { SessionWork } from '../session-work.js';
import type { CancelTimer, World } from '../world.js';
import type { UnmirroredReport } from '../ledger/report.js';
import { measurementOf, type SwitchMeasurement } from './exactness.js';
import type { SwitchTurn } from './participant.js';
import type { SwitchReport } from './report.js';
import type { SwitchRun } from './state.js';

/** How long after a switch its measurement is waited for, in milliseconds; what is not known by then is told as not known. */
const WAIT_MS = 60_000;

/** @internal What {@link Measuring} is made of. */
export interface MeasuringParts {
  readonly world: World;
  readonly events: EventSink;
  /** Knows what was acknowledged and is not mirrored; undefined where nobody does. */
  readonly ledger?: SwitchLedger | undefined;
}

/** @internal What a switch asks of the ledger. */
export interface SwitchLedger {
  /** A switch has ended: what is missing is searched for. */
  switched(turn: Pick<SwitchTurn, 'from' | 'to' | 'switchEpoch'>): void;
  /** What was found; undefined where that is not known (yet). */
  reportOf(switchEpoch: number): UnmirroredReport | undefined;
}

interface Measured {
  readonly report: SwitchReport;
  readonly measure: () => SwitchMeasurement;
  isTold: boolean;
}

/**
 * Measures what each switch costs. That is known some time after it has ended: nobody waits for it, it is told once.
 *
 * @internal
 */
export class Measuring {
  readonly #world: World;
  readonly #events: EventSink;
  readonly #ledger: SwitchLedger | undefined;
  #heartbeat: HeartbeatState | undefined;
  #left: SessionWork | undefined;
  #last: Measured | undefined;
  #cancel: CancelTimer = () => {};

  constructor({ world, events, ledger }: MeasuringParts) {
    this.#world = world;
    this.#events = events;
    this.#ledger = ledger;
  }

  /** A switch begins; of the one before no more is waited for. */
  began(heartbeat: HeartbeatState | undefined): void {
    this.tell();
    this.#heartbeat = heartbeat;
  }

  /** This session was fenced. */
  left(work: SessionWork): void {
    this.#left = work;
  }

  /** @param entered - what is done on the target from now on. */
  completed(run: SwitchRun, report: SwitchReport, entered: SessionWork | undefined): void {
    const left = this.#left;
    const heartbeat = this.#heartbeat;
    const { startedAtWallMs, durationMs } = report;
    const parts = { run, startedAtWallMs, durationMs, left, entered, heartbeat };
    const measure = (): SwitchMeasurement =>
      measurementOf({ ...parts, unmirroredRecords: this.#ledger?.reportOf(report.switchEpoch) });
    this.#last = { report, measure, isTold: false };
    this.#cancel = this.#world.after(WAIT_MS, () => this.tell());
    entered?.onNews(() => this.#look(entered));
    // Sends go on before the switch has ended.
    if (entered !== undefined) this.#look(entered);
  }

  /** The last switch, as far as it is measured by now. */
  last(): SwitchMeasurement | undefined {
    return this.#last?.measure();
  }

  /** Tells of the last switch what is known, unless that was done. */
  tell(): void {
    this.#cancel();
    const last = this.#last;
    if (last === undefined || last.isTold) return;
    last.isTold = true;
    this.#events.emit('switch.measured', { measurement: last.measure() }, last.report);
  }

  /** Something was done on the target for the first time: is there more to come? */
  #look({ counters }: SessionWork): void {
    const { rto } = this.#last?.measure() ?? {};
    const isOpen = rto?.producers.kind === 'open' || rto?.consumers.kind === 'open';
    const isCounted = counters.every(({ isFinal, hasBegun }) => isFinal || !hasBegun);
    if (!isOpen && isCounted) this.tell();
  }
}
