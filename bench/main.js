/**
 * Runs one benchmark: `npm run bench -- NAME [--json FILE]`. Each is `bench/NAME.js`, which exports
 * `run({ json }): Promise<object>`; it prints a table and returns its measurements.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: {
    ...Object.fromEntries(
      [
        "json",
        "data",
        "items",
        "dimension",
        "epochs",
        "threads",
        "candidates",
        "length",
        "anchors",
        "depth",
        "keep",
        "luma",
        "clothing",
        "minutes",
      ].map(name => [name, { type: "string" }]),
    ),
    help: { type: "boolean" },
  },
});
const names = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith(".js") && file !== "main.js")
  .map(file => file.slice(0, -3));
const [name] = positionals;
if (values.help || !names.includes(name)) {
  console.error(
    `usage: npm run bench -- NAME [--json FILE]\n\nNAME is one of: ${names.join(", ")}`,
  );
  process.exit(values.help ? 0 : 2);
}
const { run } = await import(`./${name}.js`);
const result = {
  bench: name,
  node: process.version,
  cores: availableParallelism(),
  date: new Date().toISOString(),
  ...(await run({ json: values.json, ...values })),
};
const text = JSON.stringify(result);
if (typeof values.json === "string" && values.json !== "") {
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${text}\n`);
}
console.log(text);
process.exit(0);
