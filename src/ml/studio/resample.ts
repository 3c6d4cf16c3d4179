/**
 * @file Resizes planes of numbers: an antialiased triangle filter, as Pillow's `BILINEAR`.
 *
 * Shapes: H, W old size, h, w new size, C interleaved channels.
 */

/** Sizes of an interleaved array `[heightPixels, widthPixels, channels]`. */
export interface Extent {
  widthPixels: number;
  heightPixels: number;
}

interface Taps {
  starts: Int32Array;
  counts: Int32Array;
  /** `counts[i]` weights of target `i` from `i * stride` on. */
  weights: Float32Array;
  stride: number;
}

function tapsOf(size: number, side: number): Taps {
  const scale = size / side;
  const support = Math.max(1, scale);
  const stride = Math.ceil(2 * support) + 1;
  const starts = new Int32Array(side);
  const counts = new Int32Array(side);
  const weights = new Float32Array(side * stride);
  for (let i = 0; i < side; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - support + 0.5));
    const end = Math.min(size, Math.ceil(centre + support - 0.5));
    let sum = 0;
    for (let j = start; j < end; j++) {
      const weight = Math.max(0, 1 - Math.abs(j + 0.5 - centre) / support);
      weights[i * stride + j - start] = weight;
      sum += weight;
    }
    for (let j = start; j < end; j++) {
      weights[i * stride + j - start] /= sum;
    }
    starts[i] = start;
    counts[i] = end - start;
  }
  return { starts, counts, weights, stride };
}

/** `[H, W, C] -> [h, w, C]`; an enlargement is bilinear, a reduction averages all that it covers. */
export function resized(
  data: ArrayLike<number>,
  from: Extent,
  to: Extent,
  channels: number,
): Float32Array {
  if (to.widthPixels >= from.widthPixels && to.heightPixels >= from.heightPixels) {
    return enlarged(data, from, to, channels);
  }
  const across = squeezed(data, from, to.widthPixels, channels);
  return stacked(across, from.heightPixels, to.heightPixels, to.widthPixels * channels);
}

/** Source places of `side` target places among `size`: the lower of two, and the part of the upper one. */
function placesOf(size: number, side: number): { low: Int32Array; part: Float32Array } {
  const low = new Int32Array(side);
  const part = new Float32Array(side);
  for (let i = 0; i < side; i++) {
    const place = Math.min(Math.max(((i + 0.5) * size) / side - 0.5, 0), size - 1);
    low[i] = Math.min(Math.floor(place), Math.max(0, size - 2));
    part[i] = size === 1 ? 0 : place - low[i];
  }
  return { low, part };
}

/** Two rows are mixed while they are short, then stretched. */
function enlarged(
  data: ArrayLike<number>,
  from: Extent,
  to: Extent,
  channels: number,
): Float32Array {
  const length = from.widthPixels * channels;
  const row = new Float32Array(length + channels); // a column more, which has no part
  const down = placesOf(from.heightPixels, to.heightPixels);
  const across = placesOf(from.widthPixels, to.widthPixels);
  const result = new Float32Array(to.widthPixels * to.heightPixels * channels);
  for (let y = 0, at = 0; y < to.heightPixels; y++) {
    const first = down.low[y] * length;
    const part = down.part[y];
    const second = part === 0 ? first : first + length;
    for (let i = 0; i < length; i++) {
      row[i] = data[first + i] * (1 - part) + data[second + i] * part;
    }
    for (let x = 0; x < to.widthPixels; x++) {
      const source = across.low[x] * channels;
      const share = across.part[x];
      for (let c = 0; c < channels; c++, at++) {
        const value = row[source + c];
        result[at] = value + share * (row[source + channels + c] - value);
      }
    }
  }
  return result;
}

/** {@link resized} at some places of the target only: `N` places -> `[N, C]`. For an enlargement. */
export function sampled(
  data: Float32Array,
  [from, to]: readonly [Extent, Extent],
  channels: number,
  places: Int32Array,
): Float32Array {
  const down = placesOf(from.heightPixels, to.heightPixels);
  const across = placesOf(from.widthPixels, to.widthPixels);
  const length = from.widthPixels * channels;
  const result = new Float32Array(places.length * channels);
  for (let n = 0, at = 0; n < places.length; n++) {
    const [x, y] = [places[n] % to.widthPixels, Math.floor(places[n] / to.widthPixels)];
    const [right, below] = [across.part[x], down.part[y]];
    const corner = down.low[y] * length + across.low[x] * channels;
    const [east, south] = [right === 0 ? 0 : channels, below === 0 ? 0 : length];
    for (let c = 0; c < channels; c++, at++) {
      const i = corner + c;
      const top = data[i] + right * (data[i + east] - data[i]);
      const foot = data[i + south] + right * (data[i + south + east] - data[i + south]);
      result[at] = top + below * (foot - top);
    }
  }
  return result;
}

/** `[H, W, C] -> [H, w, C]` */
function squeezed(
  data: ArrayLike<number>,
  { heightPixels, widthPixels }: Extent,
  side: number,
  channels: number,
): Float32Array {
  const { counts, starts, stride, weights } = tapsOf(widthPixels, side);
  if (channels === 3) {
    return squeezedColours(data, { heightPixels, widthPixels }, side);
  }
  const result = new Float32Array(heightPixels * side * channels);
  for (let y = 0; y < heightPixels; y++) {
    for (let x = 0; x < side; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let at = (y * widthPixels + starts[x]) * channels + c;
        for (let k = 0; k < counts[x]; k++, at += channels) {
          sum += weights[x * stride + k] * data[at];
        }
        result[(y * side + x) * channels + c] = sum;
      }
    }
  }
  return result;
}

/** {@link squeezed} of three channels at once: a photograph is most of the work. */
function squeezedColours(
  data: ArrayLike<number>,
  { heightPixels, widthPixels }: Extent,
  side: number,
): Float32Array {
  const { counts, starts, stride, weights } = tapsOf(widthPixels, side);
  const result = new Float32Array(heightPixels * side * 3);
  for (let y = 0, to = 0; y < heightPixels; y++) {
    for (let x = 0; x < side; x++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      let at = (y * widthPixels + starts[x]) * 3;
      const end = x * stride + counts[x];
      for (let k = x * stride; k < end; k++, at += 3) {
        const weight = weights[k];
        red += weight * data[at];
        green += weight * data[at + 1];
        blue += weight * data[at + 2];
      }
      result[to] = red;
      result[to + 1] = green;
      result[to + 2] = blue;
    }
  }
  return result;
}

/** `[H, N] -> [h, N]` */
function stacked(data: Float32Array, size: number, side: number, length: number): Float32Array {
  const { counts, starts, stride, weights } = tapsOf(size, side);
  const result = new Float32Array(side * length);
  for (let y = 0; y < side; y++) {
    const row = result.subarray(y * length, (y + 1) * length);
    for (let k = 0; k < counts[y]; k++) {
      const weight = weights[y * stride + k];
      const source = (starts[y] + k) * length;
      for (let i = 0; i < length; i++) {
        row[i] += weight * data[source + i];
      }
    }
  }
  return result;
}

/** The size whose longest side is at most `longest`, in the same proportions. */
export function within({ heightPixels, widthPixels }: Extent, longest: number): Extent {
  const scale = Math.min(1, longest / Math.max(widthPixels, heightPixels));
  return {
    widthPixels: Math.max(1, Math.round(widthPixels * scale)),
    heightPixels: Math.max(1, Math.round(heightPixels * scale)),
  };
}
