import type { Admin } from 'kafkajs';
import { messageOf } from '../caught.js';
import { OutcomeUnknownError } from '../errors.js';

/** kafkajs's admin calls, all of them asynchronous. The type check below keeps the list complete. */
const CALLS = [
  'listTopics',
  'createTopics',
  'deleteTopics',
  'createPartitions',
  'fetchTopicMetadata',
  'fetchOffsets',
  'fetchTopicOffsets',
  'fetchTopicOffsetsByTimestamp',
  'describeCluster',
  'setOffsets',
  'resetOffsets',
  'describeConfigs',
  'alterConfigs',
  'listGroups',
  'deleteGroups',
  'describeGroups',
  'describeAcls',
  'deleteAcls',
  'createAcls',
  'deleteTopicRecords',
  'alterPartitionReassignments',
  'listPartitionReassignments',
] as const;
type Rest = Exclude<keyof Admin, 'connect' | 'disconnect' | 'logger' | 'on' | 'events'>;
const complete: [Rest] extends [AdminCall] ? true : never = true;
void complete;

/** @internal */
export type AdminCall = (typeof CALLS)[number];

/** @internal An admin whose calls go through `route`, and whose other members are those given. */
export function adminOf(
  route: (name: AdminCall, args: readonly unknown[]) => Promise<unknown>,
  others: Pick<Admin, 'connect' | 'disconnect' | 'logger' | 'on' | 'events'>,
): Admin {
  const calls = Object.fromEntries(
    CALLS.map((name) => [name, (...args: unknown[]) => route(name, args)]),
  );
  // The calls are made from the list above, which the compiler has compared with kafkajs's own type.
  return { ...calls, ...others } as unknown as Admin;
}

/** @internal Makes a call of an inner admin. */
export function callOn(admin: Admin, name: AdminCall, args: readonly unknown[]): Promise<unknown> {
  const method = admin[name] as (...values: readonly unknown[]) => Promise<unknown>;
  return method(...args);
}

/** @internal What a call hears that was cut off: it may have been carried out. */
export function overtaken(
  name: AdminCall,
  cluster: string,
  { cause, switchEpoch }: { cause: unknown; switchEpoch?: number },
): OutcomeUnknownError {
  const because = messageOf(cause);
  return new OutcomeUnknownError(
    `The outcome of admin.${name}() is unknown: ${because}. It may or may not have been carried out on cluster ${cluster}. ` +
      'Look before repeating it.',
    { cause, cluster, switchEpoch },
  );
}
