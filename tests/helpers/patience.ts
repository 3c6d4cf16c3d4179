/** @file How long tests wait before they call something hung. No test may fail because its machine is slow or busy. */

/** How many times longer than on a quiet machine a test may take; jest.config.js measures and sets it. */
const factor = Number(process.env.VITRINE_TEST_PATIENCE);

/** A timeout in milliseconds, for one that would do on a quiet machine. Every timeout of a test goes through here. */
export function patience(quietMs: number): number {
  return Math.round(quietMs * factor);
}
