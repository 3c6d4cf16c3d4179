/**
 * @file Vitrine as a subgraph: composed with a shop's own subgraph, and queried through a gateway (GraphQL Tools' federation,
 * which Hive Gateway runs on) that talks to both over HTTP.
 */
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginInlineTraceDisabled } from "@apollo/server/plugin/disabled";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { composeServices } from "@theguild/federation-composition";
import { type GraphQLSchema, parse } from "graphql";
import { subgraphText } from "../../../src/cli/schema.command.js";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import type { FederationOptions } from "../../../src/plugin/federate-schema.js";
import { logFault } from "../../../src/plugin/format-error.js";
import { createServer, type Server } from "../../../src/server/create-server.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { Api, itemId, numItems } from "./api-fixture.js";

/** What is used of `@graphql-tools/federation`; its own types would bring a browser's into the whole project. */
interface Gateway {
  getStitchedSchemaFromSupergraphSdl: (options: {
    supergraphSdl: string;
    httpExecutorOpts: {
      headers: (request?: { context?: unknown }) => Record<string, string>;
    };
  }) => GraphQLSchema;
}
const gatewayModule = "@graphql-tools/federation";

interface Told {
  data?: Record<string, never> | null;
  errors?: { message: string; extensions: { code: string; details?: unknown } }[];
}

/** The shop: products that know their names, and types that Vitrine has too. */
const shopText = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
  type Query { product(id: ID!): Product, products: [Product!]!, user(id: ID!): User, health: Boolean }
  type Product @key(fields: "id") { id: ID!, name: String! }
  type User { email: String }
  type Image { src: String }
  type PageInfo @shareable { hasNextPage: Boolean!, startCursor: String, endCursor: String }`;

describeOnEveryDatabase("a supergraph", open => {
  let api: Api;
  const closing: (() => Promise<unknown>)[] = [];
  let vitrine: Server;
  let gatewayUrl: string;
  const federation: FederationOptions = { productType: "Product", prefix: "Vitrine" };

  beforeAll(async () => {
    api = await Api.create(await open());
    vitrine = await createServer({
      plugin: {
        schema: await createSchema(api.services, logFault(api.logger()), federation),
        createContext: createContextFactory(api.services),
        handleImage: () => Promise.reject(new Error("no image is asked for")),
      },
      probes: { ping: async () => undefined, missing: async () => [] },
      config: { host: "127.0.0.1", port: 0, publicUrl: "", corsOrigins: [] },
      logger: api.logger(),
    });
    closing.push(() => vitrine.close());
    const shopUrl = await serve(shop());
    const composed = composeServices([
      { name: "shop", typeDefs: parse(shopText), url: shopUrl },
      {
        name: "vitrine",
        typeDefs: parse(await subgraphText(federation)),
        url: `${vitrine.url}/graphql`,
      },
    ]);
    expect(composed.errors ?? []).toEqual([]);
    const { getStitchedSchemaFromSupergraphSdl } = (await import(gatewayModule)) as Gateway;
    const supergraph = getStitchedSchemaFromSupergraphSdl({
      supergraphSdl: composed.supergraphSdl!,
      httpExecutorOpts: {
        headers: (request): Record<string, string> => {
          const { authorization } = (request?.context as GatewayContext | undefined) ?? {};
          return authorization ? { authorization } : {};
        },
      },
    });
    gatewayUrl = await serve(supergraph);
  });

  afterAll(async () => {
    for (const close of closing.reverse()) {
      await close();
    }
  });

  interface GatewayContext {
    authorization?: string;
  }

  async function serve(schema: GraphQLSchema): Promise<string> {
    const server = new ApolloServer<GatewayContext>({
      schema,
      plugins: [ApolloServerPluginInlineTraceDisabled()],
    });
    closing.push(() => server.stop());
    const { url } = await startStandaloneServer(server, {
      listen: { host: "127.0.0.1", port: 0 },
      context: async ({ req }) => ({ authorization: req.headers.authorization }),
    });
    return url;
  }

  function shop() {
    const product = (id: string) => ({ id, name: `Product ${id}` });
    return buildSubgraphSchema({
      typeDefs: parse(shopText),
      resolvers: {
        Query: {
          product: (_: unknown, { id }: { id: string }) => product(id),
          products: () => [0, 1, 2].map(n => product(itemId(n))),
          health: () => true,
        },
        Product: { __resolveReference: ({ id }: { id: string }) => product(id) },
      },
    });
  }

  const post = async (url: string, query: string, key?: string, variables?: object) => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(key && { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as Told;
  };

  it("gives the shop's product its personalised image", async () => {
    const query = `query ($id: ID!) {
      product(id: $id) { name personalizedImage(userId: "anna") { url kind } item { title caption { text } } }
    }`;
    const answer = await post(gatewayUrl, query, api.keys.STOREFRONT, { id: itemId(3) });
    expect(answer).toEqual({
      data: {
        product: {
          name: `Product ${itemId(3)}`,
          personalizedImage: {
            url: expect.stringMatching(/\/images\/[\da-f]{64}$/) as unknown as string,
            kind: "GENERATED",
          },
          item: { title: "Item 3", caption: { text: `a picture of ${itemId(3)}` } },
        },
      },
    });
  });

  it("asks Vitrine once for all products of a page", async () => {
    const before = api.answers.numStoredReads;
    const query = '{ products { name personalizedImage(userId: "ben") { id } item { title } } }';
    const { data, errors } = await post(gatewayUrl, query, api.keys.STOREFRONT);
    expect(errors).toBeUndefined();
    expect((data as never as { products: unknown[] }).products).toHaveLength(3);
    expect(api.answers.numStoredReads).toBe(before + 1);
  });

  it("answers null for a product that is no item, and keeps the shop's fields when Vitrine refuses", async () => {
    const query =
      '{ product(id: "unknown") { name item { title } personalizedImage(userId: "anna") { id } } }';
    expect((await post(gatewayUrl, query, api.keys.STOREFRONT)).data).toEqual({
      product: { name: "Product unknown", item: null, personalizedImage: null },
    });
    const { data, errors } = await post(gatewayUrl, query);
    expect(data).toEqual({
      product: { name: "Product unknown", item: null, personalizedImage: null },
    });
    expect(errors?.[0].extensions.code).toBe("UNAUTHENTICATED");
  });

  it("serves root fields and unions under the prefix", async () => {
    const query = `mutation { vitrinePersonalizeImage(userId: "anna", itemId: "${itemId(0)}") {
      __typename ... on VitrinePersonalizedImagePayload { isCached image { item { id } } } } }`;
    expect(await post(gatewayUrl, query, api.keys.STOREFRONT)).toEqual({
      data: {
        vitrinePersonalizeImage: {
          __typename: "VitrinePersonalizedImagePayload",
          isCached: true,
          image: { item: { id: itemId(0) } },
        },
      },
    });
    expect(await post(gatewayUrl, "{ health vitrineHealth }")).toEqual({
      data: { health: true, vitrineHealth: "ok" },
    });
  });

  const entities = (representations: unknown[], fields: string, key?: string) =>
    post(
      `${vitrine.url}/graphql`,
      `query ($r: [_Any!]!) { _entities(representations: $r) { ${fields} } }`,
      key,
      { r: representations },
    );

  it("answers references of Item and User under the rights of `item` and `user`", async () => {
    const fields = "... on VitrineItem { title } ... on VitrineUser { id }";
    const both = [
      { __typename: "VitrineItem", id: itemId(1) },
      { __typename: "VitrineUser", id: "ben" },
      { __typename: "VitrineItem", id: "unknown" },
    ];
    const { token } = await api.services.access.issueShopperToken("anna", 60);
    expect((await entities(both, fields, api.keys.STOREFRONT)).data).toEqual({
      _entities: [{ title: "Item 1" }, { id: "ben" }, null],
    });
    const shopper = await entities(both, fields, token);
    expect(shopper.errors?.map(({ extensions }) => extensions.code)).toEqual(["OTHER_USER"]);
    const nobody = await entities(both, fields);
    expect(new Set(nobody.errors?.map(({ extensions }) => extensions.code))).toEqual(
      new Set(["UNAUTHENTICATED"]),
    );
    expect(nobody.data?._entities ?? [null, null, null]).toEqual([null, null, null]);
  });

  it("tells no times of its resolvers", async () => {
    const response = await fetch(`${vitrine.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", "apollo-federation-include-trace": "ftv1" },
      body: JSON.stringify({ query: "{ vitrineHealth }" }),
    });
    expect(await response.json()).toEqual({ data: { vitrineHealth: "ok" } });
  });

  it("keeps its text from unknown callers", async () => {
    const url = `${vitrine.url}/graphql`;
    const query = "{ _service { sdl } }";
    expect((await post(url, query)).errors?.[0].extensions.code).toBe("UNAUTHENTICATED");
    const { data } = await post(url, query, api.keys.STOREFRONT);
    expect((data as never as { _service: { sdl: string } })._service.sdl).toContain("type Product");
  });

  it.each([
    ["item-01", "must name one of VitrineItem, VitrineUser, Product as __typename"],
    [{ __typename: "VitrineJob", id: "1" }, "must name one of"],
    [{ __typename: 7 }, "must name one of"],
    [{ __typename: "Product" }, "of Product: 'id' must be a text"],
    [{ __typename: "Product", id: { a: 1 } }, "of Product: 'id' must be a text"],
  ])("refuses the reference %j", async (reference, problem) => {
    const { errors } = await entities([reference], "__typename", api.keys.ADMIN);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["INVALID_ARGUMENT"]);
    expect(errors?.[0].message).toContain(problem);
  });

  it("refuses more references than a request may cost", async () => {
    const many = Array.from({ length: 2_000 }, (_, n) => ({
      __typename: "VitrineItem",
      id: itemId(n % numItems),
    }));
    const fields = "... on VitrineItem { id title caption { text } }";
    const { errors } = await entities(many, fields, api.keys.ADMIN);
    expect(errors?.[0].extensions.code).toBe("QUERY_TOO_COMPLEX");
  });

  it("composes without a prefix beside a subgraph that has no such names", async () => {
    const shopOnly = shopText.replace(/ type (User|Image) [^\n]*|, user[^}]*/g, "");
    const typeDefs = parse(await subgraphText({ productType: "Product" }));
    const { errors } = composeServices([
      { name: "shop", typeDefs: parse(shopOnly), url: "http://shop.test" },
      { name: "vitrine", typeDefs, url: "http://vitrine.test" },
    ]);
    expect(errors ?? []).toEqual([]);
  });

  it.each([
    [{ productType: "Item" }, "productType is 'Item', which Vitrine has itself; set a prefix"],
    [{ productType: "My Product" }, "productType must be a name of GraphQL, but is 'My Product'"],
    [{ productType: "Product", productKey: "id sku" }, "productKey must be a name of GraphQL"],
    [{ prefix: "1" }, "prefix must be a name of GraphQL"],
  ])("refuses the options %j", async (options, problem) => {
    await expect(subgraphText(options)).rejects.toThrow(problem);
  });

  it("still rejects one row with a text that cannot be stored, and not the request", async () => {
    const items = [
      { id: "new", title: "half \ud800" },
      { id: "good", title: "Good" },
    ];
    const query = `mutation ($items: [VitrineItemInput!]!) {
      vitrineUpsertItems(input: $items) { accepted rejected { index } } }`;
    const { data, errors } = await post(`${vitrine.url}/graphql`, query, api.keys.ADMIN, { items });
    expect(errors).toBeUndefined();
    expect(data).toEqual({ vitrineUpsertItems: { accepted: 1, rejected: [{ index: 0 }] } });
  });
});
