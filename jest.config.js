/** One configuration: unit tests, contracts, integration (embedded and, where it runs, real Postgres), e2e. */

/** Milliseconds that `measureMs` takes on the machine on which the tests' timeouts were chosen. */
const REFERENCE_MS = 40;
/** Timeouts catch what hangs. Whatever else comes to run beside the tests may slow them so many times. */
const HEADROOM = 5;

function measureMs() {
  const startedMs = performance.now();
  let x = 1;
  for (let i = 0; i < 20_000_000; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
  }
  return performance.now() - startedMs + (x === 0 ? 1 : 0);
}

// Workers inherit both. VITRINE_TEST_PATIENCE is for machines that are slower still: 1 is a quiet machine of today.
process.env.VITRINE_TEST_PATIENCE ??= String(HEADROOM * Math.max(1, measureMs() / REFERENCE_MS));
// Times are UTC wherever the process runs; this zone is 12:45 or 13:45 ahead, with a change of clocks.
process.env.TZ ??= "Pacific/Chatham";

export default {
  testEnvironment: "node",
  roots: ["<rootDir>/tests"],
  testMatch: ["**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1", "^vitrine$": "<rootDir>/src/index.ts" },
  transform: { "^.+\\.ts$": ["@swc/jest"] },
  transformIgnorePatterns: ["/node_modules/", "/dist/"],
  globalSetup: "<rootDir>/tests/helpers/global-setup.js",
  setupFilesAfterEnv: ["<rootDir>/tests/helpers/setup.ts"],
  reporters: ["default", "<rootDir>/tests/helpers/closing-line-reporter.js"],
  testTimeout: Math.round(120_000 * Number(process.env.VITRINE_TEST_PATIENCE)),
  maxWorkers: 2,
};
