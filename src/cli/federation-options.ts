/** @file Options of the commands that serve or print the schema as a subgraph. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { FederationOptions } from "../plugin/federate-schema.js";

const implied = { federation: true };

/** Adds `--product-type`, `--product-key` and `--type-prefix`; each makes `federation` true. */
export function addFederationOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--product-type <name>",
        "the shop's own entity that gets the item's image, such as Product; its key must be the item's id",
      )
        .argParser(graphqlName)
        .implies(implied),
    )
    .addOption(
      new Option("--product-key <field>", "the key field of that entity (default: id)")
        .argParser(graphqlName)
        .implies(implied),
    )
    .addOption(
      new Option(
        "--type-prefix <prefix>",
        "put before the names of types and root fields, where other subgraphs have the same",
      )
        .argParser(graphqlName)
        .implies(implied),
    );
}

export interface FederationFlags {
  federation?: boolean;
  productType?: string;
  productKey?: string;
  typePrefix?: string;
}

export function federationOf(flags: FederationFlags): FederationOptions | false {
  const { federation = false, productKey, productType, typePrefix } = flags;
  return federation && { productType, productKey, prefix: typePrefix };
}

function graphqlName(text: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(text)) {
    throw new InvalidArgumentError(
      "must be a name of GraphQL: letters, digits and _, a letter first",
    );
  }
  return text;
}
