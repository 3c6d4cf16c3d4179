import { existsSync } from "node:fs";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import { importX } from "eslint-plugin-import-x";
import ts from "typescript-eslint";
import { noCycle } from "./scripts/no-cycle.mjs";

/** Lower layers first. A folder imports from lower layers only: never upwards, never sideways. */
const layers = [
  ["errors"],
  ["config"],
  ["ml", "db"],
  ["recsys", "schema"],
  ["resolvers", "workers"],
  ["plugin"],
  ["server", "cli"],
];

const zones = layers.flatMap((layer, level) =>
  layer.map(folder => ({
    target: `./src/${folder}`,
    from: layers
      .slice(level)
      .flat()
      .filter(other => other !== folder)
      .map(other => `./src/${other}`),
    message: "Imports go down the layers: see docs/architecture.md.",
  })),
);

// The exceptions of docs/architecture.md: cli starts the server.
const allowed = { "./src/cli": ["./src/server"] };
for (const zone of zones) {
  zone.from = zone.from.filter(folder => !(allowed[zone.target] ?? []).includes(folder));
}

/** The pages share `shared` only; what the server runs stays out of them. */
const pages = ["storefront", "admin", "study"];
const pageZones = pages.flatMap(page => [
  {
    target: `./web/src/${page}`,
    from: pages.filter(other => other !== page).map(other => `./web/src/${other}`),
    message: "A page imports no other page: move the part to web/src/shared.",
  },
  { target: "./web/src/shared", from: `./web/src/${page}`, message: "shared knows no page." },
  { target: `./web/src/${page}`, from: "./src", message: "The pages know the API only." },
]);

/** The Vendure plugin has a tree of its own, without which its types are unknown; `npm run check:vendure` installs and lints it. */
const vendure = "packages/vendure-plugin";
const notInstalled = existsSync(`${import.meta.dirname}/${vendure}/node_modules`) ? [] : [vendure];

export default ts.config(
  {
    ignores: [
      ...notInstalled.map(folder => `${folder}/**`),
      "**/dist/**",
      "**/*.js",
      "**/*.cjs",
      "**/*.mjs",
      "src/db/generated/**",
      "web/src/api/**",
      "packages/*/src/api/**",
      "pretrain/**",
    ],
  },
  ...ts.configs.recommendedTypeChecked,
  ...ts.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "import-x": importX, vitrine: { rules: { "no-cycle": noCycle } } },
    settings: { "import-x/resolver-next": [createTypeScriptImportResolver()] },
    rules: {
      curly: ["error", "all"],
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", 4],
      "vitrine/no-cycle": "error",
      "import-x/no-default-export": "error",
      "import-x/no-restricted-paths": [
        "error",
        { zones: zones.filter(({ from }) => from.length > 0) },
      ],
      "import-x/order": [
        "error",
        {
          alphabetize: { order: "asc", caseInsensitive: true },
          groups: ["builtin", "external", ["parent", "sibling"]],
        },
      ],
      "no-restricted-properties": [
        "error",
        {
          object: "Math",
          property: "random",
          message: "Use src/ml/nn/random.ts: one seeded source.",
        },
        { object: "process", property: "env", message: "Only src/config reads the environment." },
      ],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/restrict-template-expressions": "off",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["web/**"],
    rules: {
      "@typescript-eslint/no-confusing-void-expression": "off",
      "import-x/no-restricted-paths": ["error", { zones: pageZones }],
    },
  },
  {
    files: ["src/recsys/**", "src/ml/nn/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        ...["fs", "fs/promises", "node:fs", "node:fs/promises"].map(name => ({
          name,
          message: "Use an ArtefactStore, or src/db/local-files.ts for files of users.",
        })),
      ],
    },
  },
  {
    // The waits of many pages must differ; nothing of a client is computed from them.
    files: ["packages/**"],
    rules: { "no-restricted-properties": "off" },
  },
  {
    // What a shop answers to a query is of any type; the runner waits for its tests.
    files: ["packages/vendure-plugin/tests/**"],
    rules: {
      "max-lines": "off",
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  {
    files: ["src/config/**", "tests/**", "prisma.config.ts"],
    rules: { "no-restricted-properties": "off", "import-x/no-default-export": "off" },
  },
  {
    files: ["tests/**"],
    rules: {
      "max-lines": "off",
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "CallExpression[callee.name=/^(it|test|(before|after)(All|Each))$/] > Literal.arguments[raw=/^[0-9]/], CallExpression[callee.property.name=/^(waitFor|setTimeout)$/] > Literal.arguments[raw=/^[0-9_]{5,}$/]",
          message: "Timeouts grow with the machine: patience(ms) of tests/helpers/patience.ts.",
        },
      ],
    },
  },
);
