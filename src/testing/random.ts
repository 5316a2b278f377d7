/**
 * A stream of pseudo-random numbers that repeats from its seed. Never for secrets.
 *
 * @public
 */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** The next integer in [0, limit). */
  below(limit: number): number;
  /** True with the given probability: 0 is never, 1 is always. */
  chance(probability: number): boolean;
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /**
   * A stream of its own, made from this stream's seed and a label, not from its present place: a component that draws
   * once more than yesterday does not change what the others draw.
   */
  fork(label: string): Random;
}

/**
 * Makes a stream from a seed. The generator is sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, period about
 * 2^127, 32 bits at a time.
 *
 * @param seed - the same seed gives the same numbers, on every machine and Node version.
 * @example
 * ```ts
 * const random = createRandom(42);
 * const again = createRandom(42);
 * random.next() === again.next(); // true
 * ```
 * @public
 */
export function createRandom(seed: number | string): Random {
  const nextUint32 = sfc32(String(seed));
  const next = (): number => nextUint32() / 0x1_0000_0000;
  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const picked = list[Math.floor(next() * list.length)];
      if (picked === undefined) throw new RangeError('nothing to pick from: the list is empty');
      return picked;
    },
    fork: (label) => createRandom(`${seed}/${label}`),
  };
}

/** Rounds after which every bit of the seed has reached every bit of the state. */
const WARM_UP_ROUNDS = 15;

function sfc32(seed: string): () => number {
  const word = seedWords(seed);
  let a = word();
  let b = word();
  let c = word();
  let counter = 1;
  const next = (): number => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) next();
  return next;
}

/** Turns text into 32-bit words: FNV-1a over its characters, then splitmix32 steps, so that close seeds lie far apart. */
function seedWords(text: string): () => number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return () => {
    hash = (hash + 0x9e3779b9) | 0;
    let word = hash ^ (hash >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) | 0;
  };
}
