import { Buffer } from 'node:buffer';
import type { Message } from 'kafkajs';

/** @internal Bytes of a message's key, value and headers. User code may pass anything. */
export function messageBytes(message: Message): number {
  if (!isObject(message)) return 0;
  let bytes = bytesOf(message.key) + bytesOf(message.value);
  if (!isObject(message.headers)) return bytes;
  for (const [name, value] of Object.entries(message.headers)) {
    bytes += bytesOf(name);
    if (Array.isArray(value)) for (const one of value) bytes += bytesOf(one);
    else bytes += bytesOf(value);
  }
  return bytes;
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.byteLength : 0;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
