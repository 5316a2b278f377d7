import { Buffer } from 'node:buffer';

/** @internal What of a record survives mirroring: MirrorMaker copies it byte by byte, only its offset is another one. */
export interface RecordContent {
  /** Milliseconds since 1970, as kafkajs says it. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** By name; a name that comes several times has a list of values. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A record that the group has handled, as it can be recognised among the copies on the other cluster.
 *
 * @public
 */
export interface HandledRecord {
  /** Its offset on the cluster where it was handled. */
  readonly offset: bigint;
  /** Its timestamp, in milliseconds since 1970. */
  readonly timestamp: string;
  /** A hash of its key, value and headers: 16 hexadecimal digits. */
  readonly hash: string;
}

/** @internal A handled record that is hashed when somebody asks, which hardly ever happens: few are looked for. */
export class LazyFingerprint implements HandledRecord {
  readonly offset: bigint;
  readonly timestamp: string;
  readonly #content: RecordContent;
  #hash: string | undefined;

  constructor(offset: bigint, content: RecordContent) {
    this.offset = offset;
    this.timestamp = content.timestamp;
    this.#content = content;
  }

  get hash(): string {
    this.#hash ??= contentHash(this.#content);
    return this.#hash;
  }

  /** Bytes to be gone through for the hash, nearly; 0 where it is known. */
  get bytes(): number {
    const { key, value } = this.#content;
    return this.#hash === undefined ? (key?.length ?? 0) + (value?.length ?? 0) : 0;
  }
}

/**
 * 64 bits of a record's key, value and headers. Null and empty differ, and so does what stands in another field. Pure; not
 * cryptographic: it is compared with records of the same timestamp only.
 *
 * @internal
 */
export function contentHash({ key, value, headers }: RecordContent): string {
  const mixer = new Mixer();
  mixer.part(key);
  mixer.part(value);
  for (const [name, content] of Object.entries(headers ?? {})) {
    mixer.part(name);
    for (const one of Array.isArray(content) ? content : [content]) mixer.part(one);
  }
  return mixer.digest();
}

const NULL_MARK = 0xff_ff_ff_ff;

/** Two multiplicative hashes of 32 bits side by side, each with the final mix of MurmurHash3. */
class Mixer {
  #a = 0x9e_37_79_b9;
  #b = 0x85_eb_ca_6b;

  part(content: unknown): void {
    if (content === null || content === undefined) {
      this.#number(NULL_MARK);
      return;
    }
    const text = typeof content === 'string' ? content : '';
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(text);
    this.#number(bytes.length);
    let a = this.#a;
    let b = this.#b;
    for (const byte of bytes) {
      a = Math.imul(a ^ byte, 0x01_00_01_93);
      b = Math.imul((b << 5) ^ (b >>> 27) ^ byte, 0x5b_d1_e9_95);
    }
    this.#a = finalMix(a);
    this.#b = finalMix(b);
  }

  digest(): string {
    return hex(finalMix(this.#a ^ Math.imul(this.#b, 5))) + hex(finalMix(this.#b + this.#a));
  }

  #number(value: number): void {
    this.#a = finalMix(this.#a ^ value);
    this.#b = finalMix(this.#b + value);
  }
}

function finalMix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85_eb_ca_6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2_b2_ae_35);
  return mixed ^ (mixed >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
