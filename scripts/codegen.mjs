/**
 * @file Typed documents of the pages and of the client: each `<folder>/<name>.graphql` below a source folder becomes
 * `api/<folder>-<name>.ts` there, checked against schema.graphql. `--check` writes nothing and fails if a file is missing, outdated or left over.
 *
 * Each file stands alone: it holds its operations, and those enums and inputs of the schema that they use. A document is sent as
 * text, so the pages need no GraphQL library.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { codegen } from "@graphql-codegen/core";
import * as schemaTypes from "@graphql-codegen/typescript";
import * as operationTypes from "@graphql-codegen/typescript-operations";
import { buildSchema, parse, print, stripIgnoredCharacters } from "graphql";

const root = resolve(import.meta.dirname, "..");
/** Folders of documents, and of each where its type of a document is, seen from its folder `api`. */
const targets = [
  { folder: join(root, "web/src"), typedDocument: "../shared/typed-document" },
  { folder: join(root, "packages/client/src"), typedDocument: "../typed-document.js" },
  { folder: join(root, "packages/vendure-plugin/src"), typedDocument: "@vitrine/client" },
];
const heading = "// Made by 'npm run codegen' from NAME: do not edit.\n";

const config = {
  onlyOperationTypes: true,
  enumsAsTypes: true,
  strictScalars: true,
  skipTypename: true,
  disableDescriptions: true,
  useTypeImports: true,
  avoidOptionals: { field: true, inputValue: false, object: true, defaultValue: false },
  scalars: {
    ID: "string",
    DateTimeISO: "string",
    RowTime: "string | number",
    JSONObject: "Record<string, unknown>",
  },
};

/** The operations as text, each with the fragments that its file has. */
const typedTexts = {
  plugin(_schema, [{ document }], { typedDocument }) {
    const ofKind = kind => document.definitions.filter(definition => definition.kind === kind);
    const fragments = ofKind("FragmentDefinition").map(print);
    const documents = ofKind("OperationDefinition").map(definition => {
      const name = definition.name.value[0].toUpperCase() + definition.name.value.slice(1);
      const used = fragments.filter((_, index) => usesFragment(definition, index, document));
      const text = stripIgnoredCharacters([print(definition), ...used].join("\n"));
      const kind = definition.operation[0].toUpperCase() + definition.operation.slice(1);
      const types = `${name}${kind}, ${name}${kind}Variables`;
      return `export const ${name}Document = ${JSON.stringify(text)} as TypedDocument<${types}>;\n`;
    });
    return {
      prepend: [`import type { TypedDocument } from "${typedDocument}";`],
      content: documents.join("\n"),
    };
  },
};

/** Whether an operation spreads the file's fragment of this index, itself or through other fragments. */
function usesFragment(operation, index, document) {
  const fragments = document.definitions.filter(({ kind }) => kind === "FragmentDefinition");
  const seen = new Set();
  const follow = node => {
    for (const [, name] of print(node).matchAll(/\.\.\.\s*(?!on\b)(\w+)/g)) {
      const fragment = fragments.find(candidate => candidate.name.value === name);
      if (fragment && !seen.has(fragment)) {
        seen.add(fragment);
        follow(fragment);
      }
    }
  };
  follow(operation);
  return seen.has(fragments[index]);
}

/** Without the types that nothing in the file uses: another page's change of the schema must not touch it. */
function pruned(text) {
  const blocks = text.split(/\n(?=(?:\/\*\*[^\n]*\*\/\n)?export )/);
  const nameOf = block => /export type (\w+)\b/.exec(block)?.[1];
  const isNeeded = (block, blocks) => {
    const name = nameOf(block);
    return (
      name === undefined ||
      /(Query|Mutation|Subscription|Variables|Fragment)$/.test(name) ||
      blocks.some(other => other !== block && new RegExp(`\\b${name}\\b`).test(other))
    );
  };
  const kept = blocks.filter(block => isNeeded(block, blocks));
  return kept.length === blocks.length ? text : pruned(kept.join("\n"));
}

async function generate({ folder, typedDocument }) {
  const schemaAst = buildSchema(readFileSync(join(root, "schema.graphql"), "utf8"));
  const schema = parse(readFileSync(join(root, "schema.graphql"), "utf8"));
  const files = new Map();
  const sources = readdirSync(folder, { recursive: true })
    .filter(name => name.endsWith(".graphql"))
    .sort();
  for (const name of sources) {
    const document = parse(readFileSync(join(folder, name), "utf8"));
    const output = `${name.replace(/\.graphql$/, "").replaceAll("/", "-")}.ts`;
    const text = await codegen({
      filename: output,
      schema,
      schemaAst,
      documents: [{ location: name, document }],
      config,
      plugins: [{ schemaTypes: {} }, { operationTypes: {} }, { typedTexts: { typedDocument } }],
      pluginMap: { schemaTypes, operationTypes, typedTexts },
    });
    files.set(
      output,
      `${heading.replace("NAME", `${relative(root, folder)}/${name}`)}${pruned(text).trimEnd()}\n`,
    );
  }
  return files;
}

const faults = [];
const isCheck = process.argv.includes("--check");
for (const target of targets) {
  const files = await generate(target);
  const outputFolder = join(target.folder, "api");
  mkdirSync(outputFolder, { recursive: true });
  const kept = readdirSync(outputFolder).filter(name => name.endsWith(".ts"));
  for (const name of new Set([...files.keys(), ...kept])) {
    const path = join(outputFolder, name);
    const wanted = files.get(name) ?? null;
    const found = existsSync(path) ? readFileSync(path, "utf8") : null;
    if (found === wanted) {
      continue;
    }
    if (isCheck) {
      faults.push(relative(root, path));
    } else if (wanted === null) {
      rmSync(path);
    } else {
      writeFileSync(path, wanted);
      console.log(`wrote ${relative(root, path)}`);
    }
  }
}
if (faults.length > 0) {
  console.error(`outdated: ${faults.join(", ")}. Run: npm run codegen`);
  process.exit(1);
}
if (isCheck) {
  console.log("the typed documents are up to date");
}
