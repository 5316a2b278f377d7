/** The stack: real Kafka clusters, MirrorMaker 2 and Consul on loopback, for tests, the demo and benchmarks. */
export { Broker } from './broker.js';
export type { StartOptions } from './broker.js';
export { Consul, startConsul } from './consul.js';
export type { ConsulOptions, ConsulToken } from './consul.js';
export { ConsulAgent } from './consul-agent.js';
export { StackError } from './errors.js';
export { Mirror, MirrorFlow } from './mirror.js';
export type { MirrorStartOptions } from './mirror.js';
export type { FlowName, StackOptions } from './plan.js';
export { defaultKafkaVersion } from './preflight.js';
export type { PolicyName, Properties } from './properties.js';
export { startStack } from './stack.js';
export type { Stack } from './stack.js';
export { WaitTimeoutError, waitFor } from './wait.js';
export type { WaitOptions } from './wait.js';
