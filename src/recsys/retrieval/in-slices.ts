/** @file Long loops that let the event loop run. */

/** Longest time the event loop waits for such a loop. */
const SLICE_MS = 10;

/** Does something with each value, and gives way to the event loop every {@link SLICE_MS}. */
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
