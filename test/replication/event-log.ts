import type {
  EventSink,
  FailoverEventBase,
  FailoverEventName,
  FailoverEvents,
} from '../../src/events.js';

/** Keeps every event, for tests. */
export class EventLog implements EventSink {
  readonly events: { readonly name: FailoverEventName; readonly facts: unknown }[] = [];

  emit<Name extends FailoverEventName>(
    name: Name,
    facts: Omit<FailoverEvents[Name], keyof FailoverEventBase>,
  ): void {
    this.events.push({ name, facts });
  }

  /** The facts of one kind of event. */
  of<Name extends FailoverEventName>(
    name: Name,
  ): readonly Omit<FailoverEvents[Name], keyof FailoverEventBase>[] {
    return this.named(name) as Omit<FailoverEvents[Name], keyof FailoverEventBase>[];
  }

  named(name: FailoverEventName): readonly unknown[] {
    return this.events.filter((event) => event.name === name).map(({ facts }) => facts);
  }
}
