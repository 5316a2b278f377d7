import { delimiter, join } from 'node:path';
import { unreachable } from '../src/unreachable.js';

/** @internal A class data archive: used by every start, made once by a training run. */
export type Archive =
  { kind: 'none' } | { kind: 'use'; file: string } | { kind: 'make'; file: string };

/** Classes whose INFO lines are pages of configuration values at every start. */
const chatty = [
  'org.apache.kafka.common.config.AbstractConfig',
  'org.apache.kafka.common.utils.AppInfoParser',
  'org.apache.kafka.connect.runtime.WorkerConfig',
  'kafka.server.KafkaConfig',
];

/**
 * Flags for a JVM that starts fast, stays small and leaves nothing behind when it is killed. Measured with 4.3.1 on
 * two cores: a broker answers after 0.8 s with an archive of its classes and after 1.5 s without.
 *
 * @internal
 */
export function jvmFlags(runDirectory: string, archive: Archive): string[] {
  return [
    '-Xmx384m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    // No /tmp/hsperfdata file, no unpacked native libraries in /tmp: kill -9 would leave them there.
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${join(runDirectory, 'tmp')}`,
    `-XX:ErrorFile=${join(runDirectory, 'logs', 'hs_err_%p.log')}`,
    '-XX:+ExitOnOutOfMemoryError',
    ...archiveFlags(archive),
    '-Djava.awt.headless=true',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
    ...chatty.map((name) => `-Dorg.slf4j.simpleLogger.log.${name}=warn`),
  ];
}

/** @internal The class path goes by the environment: as an argument it would fill every process list. */
export function classpathEnv(jars: readonly string[]): { CLASSPATH: string } {
  return { CLASSPATH: jars.join(delimiter) };
}

function archiveFlags(archive: Archive): string[] {
  switch (archive.kind) {
    case 'none':
      return [];
    // An archive that does not fit (another Java, touched jars) is ignored by the JVM, which then starts as without.
    case 'use':
      return [
        `-XX:SharedArchiveFile=${archive.file}`,
        '-Xshare:auto',
        '-Xlog:cds=off',
        '-Xlog:cds+dynamic=off',
      ];
    case 'make':
      return [`-XX:ArchiveClassesAtExit=${archive.file}`];
    default:
      return unreachable(archive);
  }
}
