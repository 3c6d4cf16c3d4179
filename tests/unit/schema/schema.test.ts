/** @file The schema: complete, documented, and equal to the committed one. */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import {
  buildSchema as parseSchema,
  type GraphQLField,
  type GraphQLInputField,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
} from "graphql";
import { errorsText } from "../../../src/cli/errors.command.js";
import { schemaText } from "../../../src/cli/schema.command.js";

const text = await schemaText();
const types = Object.values(parseSchema(text).getTypeMap()).filter(
  type => !isIntrospectionType(type),
);

describe("the schema", () => {
  it("describes every type, field and argument", () => {
    const undescribed = types.flatMap(type => {
      if (!isObjectType(type) && !isInputObjectType(type)) {
        return isEnumType(type) && !type.description ? [type.name] : [];
      }
      const isRoot = ["Query", "Mutation", "Subscription"].includes(type.name);
      const given = Object.values<GraphQLField<unknown, unknown> | GraphQLInputField>(
        type.getFields(),
      );
      const fields = given.flatMap(field => [
        ...(field.description ? [] : [`${type.name}.${field.name}`]),
        ...("args" in field ? field.args : []).flatMap(argument =>
          argument.description ? [] : [`${type.name}.${field.name}(${argument.name})`],
        ),
      ]);
      return isRoot || type.description ? fields : [type.name, ...fields];
    });
    expect(undescribed).toEqual([]);
  });

  it("equals the committed one", async () => {
    expect(await readFile("schema.graphql", "utf8")).toBe(text);
  });
});

describe("docs/errors.md", () => {
  it("equals the error catalogue", async () => {
    expect(await readFile("docs/errors.md", "utf8")).toBe(errorsText());
  });
});
