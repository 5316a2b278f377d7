/**
 * A drop-in for kafkajs that keeps a service running when a whole Kafka cluster dies.
 *
 * kafkajs's own names come along by identity, so changing the import path is all that a service does.
 *
 * @packageDocumentation
 */
export * from 'kafkajs';
export {
  AgreementLostError,
  AmbiguousOffsetError,
  DeliveryTimeoutError,
  FailoverClosedError,
  FailoverError,
  FailoverHaltedError,
  FailoverOptionsError,
  FencedError,
  GroupElsewhereError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
  PositionUnavailableError,
  StaleOffsetError,
  FailbackRefusedError,
  FailbackStoppedError,
  SendAbortedError,
  SwitchRefusedError,
  SwitchRolledBackError,
  SwitchSupersededError,
  TransactionFencedError,
  WrongClusterError,
  isFailoverError,
  type FailoverErrorCode,
  type FailoverErrorDetails,
  type HoldErrorDetails,
} from './errors.js';
export type {
  AgreedDecision,
  Agreement,
  AgreementContext,
  AgreementLimits,
  AgreementNews,
  AgreementStore,
  ControlLog,
  ControlRecords,
  FleetPart,
  MemberState,
  Proposal,
  Quorum,
} from './agreement/agreement.js';
export type { AgreementStatus } from './agreement/status.js';
export { FailoverKafka } from './failover-kafka.js';
export type {
  FailoverEventBase,
  FailoverEventName,
  FailoverEvents,
  SwitchPhase,
  Unsubscribe,
} from './events.js';
export type {
  ClusterOptions,
  ConsumerFailoverOptions,
  FailoverKafkaConfig,
  MirrorOptions,
} from './options.js';
export type {
  LedgerSpoolOptions,
  OnUnmirrored,
  ProducerFailoverOptions,
} from './options-producer.js';
export { REPLAY_HEADER, replayOrigin, type ReplayOrigin } from './replay/marker.js';
export type { ReplayedRecordsOfLog, ReplayReport, ReplayStatus } from './replay/report.js';
export type {
  LedgerStatus,
  ReconciledRecordsOfLog,
  ReconciliationReport,
  UnmirroredRecordsOfLog,
  UnmirroredReport,
} from './ledger/report.js';
export type { ProgressOptions } from './options-progress.js';
export type { DedupOptions, MessageId } from './options-dedup.js';
export type { CanaryOptions, HealthOptions } from './options-health.js';
export type {
  AcceptableGate,
  FailbackCallOptions,
  FailbackCanaryOptions,
  FailbackOptions,
  GradualFailbackOptions,
} from './options-failback.js';
export type {
  FailbackAssessment,
  FailbackGate,
  FailbackGateName,
  StrandedRecords,
} from './failback/gates.js';
export type { FailbackStep } from './failback/steps.js';
export type { FailbackOutcome, FailbackReport } from './failback/procedure.js';
export type { FailbackCheck, FailbackCount, FailbackValidation } from './failback/validate.js';
export type { SwitchOptions } from './options-switch.js';
export type { ConsulAgreementOptions } from './options-agreement.js';
export { consulAgreement } from './agreement/consul.js';
export type { ConsulSignalOptions, ConsulTlsOptions } from './options-consul.js';
export type {
  FailoverAdminConfig,
  PlanOptions,
  ReplayCallOptions,
  SendOptions,
  SwitchToOptions,
} from './options-calls.js';
export type { GroupPlan, MissingPosition, PartitionPlan, PositionMethod } from './position/plan.js';
export type { LogicalTopic, PhysicalTopic } from './replication/topic-names.js';
export type { HeartbeatState, MirrorState } from './replication/mirror.js';
export type { OffsetSyncsLocation } from './replication/policy.js';
export type { SkipReason } from './replication/records.js';
export type { TailPhase, TailState } from './replication/tail-state.js';
export type {
  FailoverKafkaConsumer,
  FailoverConsumerRunConfig,
  FailoverEachBatchPayload,
  FailoverEachMessagePayload,
  OffsetOrigin,
  PhysicalSource,
} from './consumer/types.js';
export type { FacetHealth } from './health/facet.js';
export type { ClusterHealth } from './health/health.js';
export type { Desired } from './signals/desired.js';
export type { Reading, Signal, SignalWatch } from './signals/signal.js';
export type { Opinion, SignalState, Wish } from './signals/signal-state.js';
export type { HttpRequest, HttpResponse, HttpTls } from './http.js';
export type { LogRange } from './cluster/access.js';
export type { ConsumerStatus } from './consumer/failover-consumer.js';
export type { ConsumerStandbyStatus } from './consumer/standby-member.js';
export type { ProducerStandbyStatus } from './producer/standby-producer.js';
export type { ProgressStatus } from './progress.js';
export type { HandledRecord } from './position/fingerprint.js';
export type { FailoverKafkaProducer, ProducerStatus } from './producer/failover-producer.js';
export { sendOutcome, type SendMetadata, type SendOutcome, type SendPart } from './send-outcome.js';
export { consulSignal } from './signals/consul.js';
export { kafkaAgreement } from './agreement/kafka.js';
export type { KafkaAgreementOptions } from './options-agreement.js';
export type { ClusterStatus, FailoverStatus, SignalStatus } from './status.js';
export { dnsSignal, type DnsSignalOptions } from './signals/dns.js';
export { eurekaSignal, type EurekaSignalOptions } from './signals/eureka.js';
export { fileSignal, type FileSignalOptions } from './signals/file.js';
export { httpSignal, type HttpSignalOptions } from './signals/http.js';
export {
  consulStrategy,
  dnsStrategy,
  eurekaStrategy,
  fileStrategy,
  httpStrategy,
  type ConsulStrategyOptions,
} from './strategies.js';
export { combine, type CombinedStrategies } from './strategy/combine.js';
export { followStrategy, type FollowOptions } from './strategy/follow.js';
export { healthStrategy, type HealthStrategyOptions } from './strategy/health.js';
export { manualStrategy, type ManualStrategyOptions } from './strategy/manual.js';
export type {
  ClusterView,
  Decision,
  OperatorOrder,
  PastSwitch,
  StartSources,
  StayReason,
  Strategy,
  View,
} from './strategy/strategy.js';
export type { MissingPiece } from './missing-pieces.js';
export type { MissingBound } from './position/missing.js';
export type { NoTranslation } from './replication/translate.js';
export type { UpstreamLog } from './position/upstream.js';
export type { RecordCount } from './record-count.js';
export type {
  ExactnessReport,
  OffsetRange,
  PartitionMeasurement,
  PartitionPrediction,
  RecoveryPoint,
  RecoveryTime,
  SwitchCosts,
  SwitchMeasurement,
  SwitchPrediction,
  UnhandledRecords,
  UnmirroredLog,
} from './switch/exactness.js';
export { formatSwitchReport } from './switch/format-report.js';
export type {
  DecidedBy,
  PhaseReport,
  SwitchOutcome,
  SwitchPlan,
  SwitchReport,
} from './switch/report.js';
export type {
  CancelTimer,
  AppendFile,
  DnsAnswer,
  DnsRecordType,
  DnsResolver,
  DnsResolverOptions,
  ReadTextOptions,
  World,
} from './world.js';
