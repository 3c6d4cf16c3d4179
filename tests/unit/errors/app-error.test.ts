import { buildSchema, graphql } from "graphql";
import { AppError, errorCatalogue, errorCodes } from "../../../src/errors/app-error.js";

describe("AppError", () => {
  it("fills its template from the details and carries the status", () => {
    const error = new AppError("ITEM_NOT_FOUND", { itemId: "i1" });
    expect(error).toMatchObject({
      message: "No item with id 'i1'",
      status: 404,
      code: "ITEM_NOT_FOUND",
    });
  });

  it("exposes code and details in plain graphql-js", async () => {
    const fails = () => {
      throw new AppError("ITEM_NOT_FOUND", { itemId: "i1" });
    };
    const { errors } = await graphql({
      schema: buildSchema("type Query { item: Int }"),
      source: "{ item }",
      rootValue: { item: fails },
    });
    expect(errors![0].toJSON().extensions).toEqual({
      code: "ITEM_NOT_FOUND",
      details: { itemId: "i1" },
    });
  });

  it("keeps its cause for the log", () => {
    const cause = new Error("disk");
    expect(new AppError("GENERATION_FAILED", {}, { cause }).cause).toBe(cause);
  });
});

describe("the catalogue", () => {
  it.each(errorCodes)(
    "%s has an HTTP error status and a message that ends without a full stop",
    code => {
      const [status, template] = errorCatalogue[code];
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(template).not.toMatch(/\.$/);
    },
  );
});
