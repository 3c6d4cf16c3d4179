/** @file `vitrine schema`: schema.graphql, sorted, with descriptions; `vitrine schema subgraph`: the text for a registry. */
import { printSubgraphSchema } from "@apollo/subgraph";
import { Command } from "commander";
import { printSchema } from "graphql";
import { createSchema } from "../plugin/create-schema.js";
import type { FederationOptions } from "../plugin/federate-schema.js";
import type { ApiServices } from "../resolvers/services.js";
import { emittedFileCommand } from "./emitted-file.js";
import { addFederationOptions, type FederationFlags, federationOf } from "./federation-options.js";

export function schemaCommand(): Command {
  return emittedFileCommand({
    name: "schema",
    description: "write the API's schema to schema.graphql",
    path: "schema.graphql",
    content: schemaText,
  }).addCommand(subgraphCommand());
}

function subgraphCommand(): Command {
  const command = new Command("subgraph")
    .description("print the schema as a subgraph of Apollo Federation 2, for a schema registry")
    .action(async (flags: FederationFlags) => {
      console.log(await subgraphText(federationOf({ ...flags, federation: true }) || {}));
    });
  return addFederationOptions(command);
}

export async function subgraphText(options: FederationOptions): Promise<string> {
  const schema = await createSchema({} as ApiServices, () => undefined, options);
  return printSubgraphSchema(schema);
}

export async function schemaText(): Promise<string> {
  const schema = await createSchema({} as ApiServices, () => undefined); // no resolver runs
  return `# Made by 'vitrine schema' from the code: do not edit.\n\n${printSchema(schema)}\n`;
}
