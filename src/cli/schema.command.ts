/** @file `vitrine schema`: schema.graphql, sorted, with descriptions. */
import type { Command } from "commander";
import { printSchema } from "graphql";
import { createSchema } from "../plugin/create-schema.js";
import type { ApiServices } from "../resolvers/services.js";
import { emittedFileCommand } from "./emitted-file.js";

export function schemaCommand(): Command {
  return emittedFileCommand({
    name: "schema",
    description: "write the API's schema to schema.graphql",
    path: "schema.graphql",
    content: schemaText,
  });
}

export async function schemaText(): Promise<string> {
  const schema = await createSchema({} as ApiServices, () => undefined); // no resolver runs
  return `# Made by 'vitrine schema' from the code: do not edit.\n\n${printSchema(schema)}\n`;
}
