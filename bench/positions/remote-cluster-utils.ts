import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError, type Stack } from '../../stack/index.js';
import { ensureKafka } from '../../stack/jars.js';
import { classpathEnv } from '../../stack/jvm.js';
import { cacheDirectoryFrom } from '../../stack/paths.js';
import { findJava } from '../../stack/preflight.js';
import { runTool, ToolFailure } from '../../stack/tool.js';

/** One call of `RemoteClusterUtils.translateOffsets`. @internal */
export interface JavaCall {
  readonly ms: number;
  readonly partitions: number;
  /** Of the translated offsets. */
  readonly sum: number;
}

/**
 * Calls MirrorMaker's own `RemoteClusterUtils.translateOffsets` in a JVM of its own, with Java's defaults but for the log level.
 *
 * @throws StackError - the Java that was found is no JDK, or the program failed.
 * @internal
 */
export async function callRemoteClusterUtils(
  { kafkaVersion, directory }: Pick<Stack, 'kafkaVersion' | 'directory'>,
  {
    brokers,
    source,
    groupId,
    calls,
  }: { brokers: readonly string[]; source: string; groupId: string; calls: number },
): Promise<readonly JavaCall[]> {
  const { env } = process;
  const java = await findJava(kafkaVersion, env);
  const cacheDirectory = cacheDirectoryFrom(env);
  const { jars } = await ensureKafka({ version: kafkaVersion, cacheDirectory, java, env });
  const outputFile = join(directory, 'translated.txt');
  await runTool({
    name: 'TranslateOffsets',
    command: java.command,
    directory,
    env: { ...env, ...classpathEnv(jars) },
    args: [
      '-XX:-UsePerfData',
      `-Djava.io.tmpdir=${join(directory, 'tmp')}`,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      // Compiled before it runs, in memory: that needs a JDK, and is not measured.
      join(__dirname, 'TranslateOffsets.java'),
      brokers.join(','),
      source,
      groupId,
      String(calls),
      outputFile,
    ],
  }).catch((error: unknown) => {
    if (!(error instanceof ToolFailure)) throw error;
    throw new StackError(
      `RemoteClusterUtils could not be called: ${error.lastLine}. It needs a JDK, not only a JRE.`,
      { cause: error },
    );
  });
  const lines = (await readFile(outputFile, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [ms = Number.NaN, partitions = Number.NaN, sum = Number.NaN] = line
      .split(' ')
      .map(Number);
    return { ms, partitions, sum };
  });
}
