/**
 * @file Procedural materials: how much light each point of a surface returns against its mean, in a tile that repeats without a
 * seam. The colour comes from the setting.
 *
 * Shapes: S side of the tile.
 */
import { Random, seedFrom } from "../nn/random.js";
import { type SurfaceTexture } from "./setting.js";
import { layeredNoise, type Noise, valueNoise } from "./tileable-noise.js";

/** Side of a tile in pixels. */
export const TILE_SIDE = 1_024;

export interface Tile {
  side: number;
  /** Light against the mean, about 0.5..1.5; `[S, S]`. */
  light: Float32Array;
  /** How much more the blue light varies than the red: wood gets warmer where it is darker. */
  warmth: number;
}

/** The tile of a material. The same seed gives the same tile. */
export function createTile(texture: SurfaceTexture, seed: number, side = TILE_SIDE): Tile {
  const value = materials[texture](new Random(seedFrom("tile", texture, seed)));
  const light = new Float32Array(side * side);
  let sum = 0;
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      light[at] = value(x / side, y / side);
      sum += light[at];
    }
  }
  const mean = sum / light.length;
  return { side, light: light.map(own => own / mean), warmth: texture === "WOOD" ? 0.45 : 0 };
}

/** The light at a place of the tile, bilinear; places repeat. */
export function tileLight({ light, side }: Tile, u: number, v: number): number {
  const x = (u - Math.floor(u)) * side;
  const y = (v - Math.floor(v)) * side;
  const [x0, y0] = [x | 0, y | 0];
  const [x1, y1] = [x0 + 1 >= side ? 0 : x0 + 1, y0 + 1 >= side ? 0 : y0 + 1];
  const [fx, fy] = [x - x0, y - y0];
  const top = light[y0 * side + x0] * (1 - fx) + light[y0 * side + x1] * fx;
  const below = light[y1 * side + x0] * (1 - fx) + light[y1 * side + x1] * fx;
  return top * (1 - fy) + below * fy;
}

const materials: Record<SurfaceTexture, (random: Random) => Noise> = {
  /** Boards with streaks along them, rings that wander, and dark joints; each board ends somewhere. */
  WOOD(random) {
    const numBoards = 5;
    const boards = Array.from({ length: numBoards }, () => ({
      shift: random.uniform(),
      end: random.uniform(),
      tone: 0.9 + 0.2 * random.uniform(),
      rings: 2 + random.int(3),
      bend: 1.6 + 1.6 * random.uniform(),
    }));
    const streaks = layeredNoise(random, [5, 128], 3);
    const warp = layeredNoise(random, [2, 10], 4);
    const pores = valueNoise(random, 24, 512);
    return (u, v) => {
      const place = v * numBoards;
      const number = Math.min(numBoards - 1, Math.floor(place));
      const { bend, end, rings, shift, tone } = boards[number];
      const along = u + shift;
      const across = place - Math.floor(place);
      const ring = rings * across + bend * warp(along, v);
      const saw = ring - Math.floor(ring); // dark late wood, then light early wood
      const late = saw < 0.82 ? saw / 0.82 : (1 - saw) / 0.18;
      const fromEnd = Math.abs(((u - end + 1.5) % 1) - 0.5);
      const joint = Math.min(across, 1 - across, 5 * fromEnd);
      const gap = joint < 0.014 ? 0.45 + 39 * joint : 1;
      const grain = 1 - 0.17 * late * late + 0.34 * (streaks(along, v) - 0.5);
      const pore = pores(along, v);
      return tone * gap * grain * (pore > 0.82 ? 1 - 0.5 * (pore - 0.82) : 1);
    };
  },
  /** Clouds of several sizes with pale and dark veins. */
  STONE(random) {
    const clouds = layeredNoise(random, [4, 4], 6);
    const bend = layeredNoise(random, [3, 3], 4);
    const grit = valueNoise(random, 384, 384);
    return (u, v) => {
      const bent = bend(u, v);
      const vein = Math.abs(clouds(u + 0.3 * bent, v + 0.2 * bent) - 0.5);
      const line = Math.max(0, 1 - vein / 0.02);
      return 1 + 0.34 * (clouds(u, v) - 0.5) - 0.07 * line + 0.05 * (grit(u, v) - 0.5);
    };
  },
  /** Threads over and under each other, each of its own thickness. */
  LINEN(random) {
    const numThreads = 96;
    const thickness = () => Float32Array.from({ length: numThreads }, () => random.uniform() - 0.5);
    const [warps, wefts] = [thickness(), thickness()];
    const fibres = layeredNoise(random, [48, 48], 3);
    const folds = layeredNoise(random, [2, 3], 3);
    return (u, v) => {
      const [x, y] = [u * numThreads, v * numThreads];
      const [i, j] = [Math.floor(x) % numThreads, Math.floor(y) % numThreads];
      const isOver = (i + j) % 2 === 0;
      const along = isOver ? x - Math.floor(x) : y - Math.floor(y);
      const round = Math.sin(Math.PI * along);
      const own = isOver ? warps[i] : wefts[j];
      const thread = 0.86 + 0.16 * round + 0.1 * own;
      return thread + 0.16 * (fibres(u, v) - 0.5) + 0.12 * (folds(u, v) - 0.5);
    };
  },
  /** A trowelled wall: broad strokes and fine sand. */
  PLASTER(random) {
    const strokes = layeredNoise(random, [5, 9], 4);
    const bend = layeredNoise(random, [4, 4], 3);
    const sand = layeredNoise(random, [192, 192], 2);
    return (u, v) => {
      const bent = 0.25 * bend(u, v);
      const slope = strokes(u + bent, v + bent) - strokes(u + bent + 0.006, v + bent + 0.006);
      return 1 + 0.2 * (strokes(u + bent, v) - 0.5) + 0.9 * slope + 0.06 * (sand(u, v) - 0.5);
    };
  },
  /** Heavy paper: hardly a texture, some fibres. */
  PAPER(random) {
    const tooth = layeredNoise(random, [128, 128], 3);
    const cloud = layeredNoise(random, [3, 3], 3);
    const fibres = layeredNoise(random, [64, 200], 2);
    return (u, v) =>
      1 +
      0.07 * (tooth(u, v) - 0.5) +
      0.05 * (cloud(u, v) - 0.5) -
      (fibres(u, v) > 0.78 ? 0.02 : 0);
  },
};
