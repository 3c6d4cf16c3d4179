/** @file Inner products of two vectors, accumulated in double precision. */

/** `a · b`; the cosine when both have unit length. `[D], [D] -> scalar` */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) {
    throw new Error(`dot: expected vectors of one length, got ${a.length} and ${b.length}`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += a[i] * b[i];
  }
  return sum;
}

/** `a · b / (|a| |b|)`, -1 … 1; 0 if either is all zero. `[D], [D] -> scalar` */
export function cosine(a: Float32Array, b: Float32Array): number {
  const norms = Math.sqrt(dot(a, a) * dot(b, b));
  const product = dot(a, b);
  return norms === 0 ? 0 : Math.min(1, Math.max(-1, product / norms));
}
