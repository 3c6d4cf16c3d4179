/**
 * @file The one seeded source of randomness. Every random choice uses a `Random` passed to it, so the same seed gives
 * the same bytes.
 */
import { createHash } from "node:crypto";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";

/** A 32-bit seed from texts or numbers, the same on every machine: the first bytes of their SHA-256. */
export function seedFrom(...parts: readonly (string | number)[]): number {
  return createHash("sha256").update(parts.join("\u0000")).digest().readInt32LE(0);
}

/** A stream of pseudo-random numbers (xoroshiro128+). Not for secrets. */
export class Random {
  private readonly generator: RandomGenerator;
  private spareNormal: number | null = null;

  constructor(private readonly seed: number) {
    this.generator = xoroshiro128plus(seed | 0);
  }

  /** An independent stream named by a label; does not advance this one. */
  fork(label: string | number): Random {
    return new Random(seedFrom(this.seed, label));
  }

  /** Uniform in `[0, 1)`. */
  uniform(): number {
    return uniformFloat64(this.generator);
  }

  /** A whole number, uniform in `[0, bound)`. */
  int(bound: number): number {
    return uniformInt(this.generator, 0, bound - 1);
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const s = x * x + y * y;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        this.spareNormal = y * scale;
        return x * scale;
      }
    }
  }

  /** Standard Gumbel: `-ln(-ln u)`, u uniform in (0, 1). */
  gumbel(): number {
    return -Math.log(-Math.log(this.uniform() || Number.MIN_VALUE));
  }

  /** `length` standard normal values. */
  normals(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.normal());
  }

  /** The same elements in random order (Fisher-Yates); does not change the argument. */
  shuffled<T>(values: readonly T[]): T[] {
    const result = [...values];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }

  /** An index drawn in proportion to the weights, which are non-negative and not all zero. */
  weightedIndex(weights: ArrayLike<number>): number {
    const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
    let left = this.uniform() * total;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i];
      if (left < 0) {
        return i;
      }
    }
    return weights.length - 1;
  }
}
