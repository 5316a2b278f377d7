/**
 * The one place that loads kafkajs as a value.
 *
 * kafkajs is a peer dependency and is never bundled: OpenTelemetry patches it, codec plugins write into its
 * `CompressionCodecs`, and users test `instanceof` against its errors. It is loaded by default import because
 * Node's native ESM sees only six of its names (the error classes are invisible to the CommonJS lexer).
 */
import kafkajs from 'kafkajs';
import type * as kafkajsTypes from 'kafkajs';

/**
 * kafkajs, whole. Its type is the namespace, not the default import: users who compile without `esModuleInterop` can
 * read the declaration then.
 *
 * @internal
 */
export const kafka: typeof kafkajsTypes = kafkajs;
