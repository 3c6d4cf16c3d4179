/** @file Planes of numbers made by a function of the place. `TypedArray.from` with a function takes some ten times as long. */

export function bytesOf(length: number, value: (at: number) => number): Uint8Array {
  const plane = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    plane[at] = value(at);
  }
  return plane;
}

/** How many of a plane's bytes are set. */
export function countOf(plane: Uint8Array): number {
  let count = 0;
  for (const value of plane) {
    count += value === 0 ? 0 : 1;
  }
  return count;
}

export function floatsOf(length: number, value: (at: number) => number): Float32Array {
  const plane = new Float32Array(length);
  for (let at = 0; at < length; at++) {
    plane[at] = value(at);
  }
  return plane;
}
