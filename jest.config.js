/** One configuration: unit tests, contracts, integration (embedded and, where it runs, real Postgres), e2e. */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/tests"],
  testMatch: ["**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: { "^.+\\.ts$": ["@swc/jest"] },
  transformIgnorePatterns: ["/node_modules/", "/dist/"],
  globalSetup: "<rootDir>/tests/helpers/global-setup.js",
  setupFilesAfterEnv: ["<rootDir>/tests/helpers/setup.ts"],
  reporters: ["default", "<rootDir>/tests/helpers/closing-line-reporter.js"],
  testTimeout: 120_000,
  maxWorkers: 2,
};
