/** @file Test timeouts. No test may fail because its machine is slow or busy. */

/** Slowdown against a quiet machine; jest.config.js measures and sets it. */
const factor = Number(process.env.VITRINE_TEST_PATIENCE);

/** Scales a timeout, in milliseconds for a quiet machine. Every timeout of a test uses it. */
export function patience(quietMs: number): number {
  return Math.round(quietMs * factor);
}
