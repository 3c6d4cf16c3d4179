/** @file Value noise that repeats without a seam, the ground of all textures. Places are 0..1 of the tile. */
import { type Random } from "../nn/random.js";

/** A value 0..1 at any place. */
export type Noise = (u: number, v: number) => number;

/** Smooth noise with `columns` x `rows` cells a tile. */
export function valueNoise(random: Random, columns: number, rows: number): Noise {
  const lattice = Float32Array.from({ length: columns * rows }, () => random.uniform());
  return (u, v) => {
    const x = (u - Math.floor(u)) * columns;
    const y = (v - Math.floor(v)) * rows;
    const [x0, y0] = [x | 0, y | 0];
    const [x1, y1] = [x0 + 1 === columns ? 0 : x0 + 1, y0 + 1 === rows ? 0 : y0 + 1];
    const [fx, fy] = [eased(x - x0), eased(y - y0)];
    const top = lattice[y0 * columns + x0] * (1 - fx) + lattice[y0 * columns + x1] * fx;
    const below = lattice[y1 * columns + x0] * (1 - fx) + lattice[y1 * columns + x1] * fx;
    return top * (1 - fy) + below * fy;
  };
}

/** Octaves of value noise, each twice as fine and half as strong; mean 0.5. */
export function layeredNoise(
  random: Random,
  [columns, rows]: readonly [number, number],
  octaves: number,
): Noise {
  const layers = Array.from({ length: octaves }, (_, n) =>
    valueNoise(random, columns << n, rows << n),
  );
  const total = 2 - 2 ** (1 - octaves);
  return (u, v) => {
    let sum = 0;
    for (let n = 0; n < octaves; n++) {
      sum += layers[n](u, v) / (1 << n);
    }
    return sum / total;
  };
}

function eased(t: number): number {
  return t * t * (3 - 2 * t);
}
