/** @file Long loops that yield to the event loop. */

/** Longest time without yielding. */
const SLICE_MS = 10;

/** Calls a function for each value, yielding to the event loop every {@link SLICE_MS}. */
export async function inSlices<Value>(
  values: Iterable<Value>,
  signal: AbortSignal | undefined,
  act: (value: Value) => void,
): Promise<void> {
  let began = performance.now();
  for (const value of values) {
    act(value);
    if (performance.now() - began > SLICE_MS) {
      await new Promise(resolve => setImmediate(resolve));
      signal?.throwIfAborted();
      began = performance.now();
    }
  }
}
