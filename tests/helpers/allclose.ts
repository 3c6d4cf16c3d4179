/** @file `toBeAllclose`: compares numbers in any container with a tolerance. */

/** A number, an array of any depth, a typed array, a tensor. */
export type Numbers =
  | number
  | ArrayLike<number>
  | readonly Numbers[]
  | { dataSync(): ArrayLike<number> }
  | { shape: readonly number[]; values: ArrayLike<number> };

export interface Tolerance {
  /** Relative to the expected number. Default: 1e-5. */
  rtol?: number;
  /** Default: 1e-6. */
  atol?: number;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the only way to add a matcher to jest's types
  namespace jest {
    interface Matchers<R> {
      /** `|got - expected| <= atol + rtol |expected|` for every number, in order. */
      toBeAllclose(expected: Numbers, tolerance?: Tolerance): R;
    }
  }
}

export function toBeAllclose(
  this: jest.MatcherContext,
  received: Numbers,
  expected: Numbers,
  { rtol = 1e-5, atol = 1e-6 }: Tolerance = {},
): jest.CustomMatcherResult {
  const got = flattened(received);
  const wanted = flattened(expected);
  if (got.length !== wanted.length) {
    return {
      pass: false,
      message: () => `expected ${wanted.length} numbers, but got ${got.length}`,
    };
  }
  const isFar = (index: number) =>
    !(Math.abs(got[index] - wanted[index]) <= atol + rtol * Math.abs(wanted[index])) &&
    !Object.is(got[index], wanted[index]);
  const far = got.map((_, index) => index).filter(isFar);
  return {
    pass: far.length === 0,
    message: () =>
      far.length === 0
        ? "expected the numbers to differ, but they are close"
        : `${far.length} of ${got.length} numbers differ; the first, at ${far[0]}: ` +
          `expected ${wanted[far[0]]}, but got ${got[far[0]]}`,
  };
}

function flattened(numbers: Numbers): number[] {
  if (typeof numbers === "number") {
    return [numbers];
  }
  if ("dataSync" in numbers) {
    return Array.from(numbers.dataSync());
  }
  if ("shape" in numbers) {
    return Array.from(numbers.values);
  }
  return Array.from(numbers as ArrayLike<Numbers>).flatMap(flattened);
}
