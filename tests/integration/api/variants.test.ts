/** @file Variants in the API: what a page reads of them, and how they are changed. */
import { beforeAll, expect, it } from "@jest/globals";
import sharp from "sharp";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { Api, type Execute, itemId, numItems } from "./api-fixture.js";

interface ItemNode {
  variants: { id: string; image: { widthPixels: number } | null }[];
  personalizedImages: { edges: { node: { kind: string; variant: { id: string } | null } }[] };
}

describeOnEveryDatabase("variants", open => {
  let api: Api;
  let execute: Execute;
  const statements: string[] = [];

  beforeAll(async () => {
    api = await Api.create(await open({ onStatement: sql => statements.push(sql) }));
    execute = await api.execute();
    const { prisma } = api.db;
    const colours = ["red", "blue", "bare"];
    await prisma.itemVariant.createMany({
      data: Array.from({ length: numItems }, (_, n) =>
        colours.map((id, position) => ({
          ...{ itemId: itemId(n), id, position, title: id },
          options: [{ name: "Colour", value: id }],
          ...(id !== "bare" && { blobHash: api.blobHash, source: `${id}.png` }),
        })),
      ).flat(),
    });
    await prisma.personalizedImage.updateMany({
      where: { seed: 0 },
      data: { generator: "variant@1", variantId: "red", provenance: { sourceType: null } },
    });
    // A generator of the host, whose images were locked: what it is called says nothing.
    const sourceType = "compositeWithTrainedAlgorithmicMedia";
    await prisma.personalizedImage.updateMany({
      where: { seed: 1, userId: "anna" },
      data: { generator: "host@1", provenance: { sourceType } },
    });
  });

  it("records and deletes an interaction with a variant for its item", async () => {
    const { prisma } = api.db;
    const [kept, other] = [itemId(3), itemId(4)];
    await prisma.itemVariant.createMany({
      data: [
        { itemId: kept, id: "SKU-1", position: 9, title: "Red, M" },
        { itemId: kept, id: other, position: 10, title: "Its id is another item's" },
      ],
    });
    const row = { userId: "vera", kind: "PURCHASE", occurredAt: "2026-02-01T10:00:00Z" };
    const input = ["SKU-1", other, "red", "SKU-2"].map(id => ({ ...row, itemId: id }));
    const { data } = await execute(
      `mutation ($input: [InteractionInput!]!) {
        recordInteractions(input: $input) { accepted duplicates rejected { index code } }
      }`,
      { as: "STOREFRONT", variables: { input } },
    );
    expect(data).toEqual({
      recordInteractions: {
        accepted: 2,
        duplicates: 0,
        rejected: [
          { index: 2, code: "ITEM_NOT_FOUND" }, // every item has one called red
          { index: 3, code: "ITEM_NOT_FOUND" },
        ],
      },
    });
    const stored = () =>
      prisma.interaction.findMany({ where: { userId: "vera" }, orderBy: { itemId: "asc" } });
    expect((await stored()).map(found => found.itemId)).toEqual([kept, other]);
    const removed = await execute(
      `mutation { deleteInteractions(input: { userId: "vera", itemId: "SKU-1" }) { deleted } }`,
      { as: "STOREFRONT" },
    );
    expect(removed.data).toEqual({ deleteInteractions: { deleted: 1 } });
    expect((await stored()).map(found => found.itemId)).toEqual([other]);
    await prisma.itemVariant.deleteMany({ where: { id: { in: ["SKU-1", other] } } });
    await prisma.user.delete({ where: { id: "vera" } });
  });

  const query = `query ($first: Int!) {
    items(first: $first) {
      edges { node {
        variants { id title isAvailable options { name value } image { widthPixels } }
        personalizedImages(first: 4) { edges { node { kind variant { id options { value } } } } }
      } }
    }
  }`;
  async function page(first: number) {
    await execute("{ health }", { as: "RECOMMENDER" });
    await new Promise(setImmediate);
    statements.length = 0;
    const { data, errors } = await execute<{ items: { edges: { node: ItemNode }[] } }>(query, {
      ...{ as: "RECOMMENDER", variables: { first } },
    });
    expect(errors).toEqual([]);
    return { count: statements.length, nodes: data!.items.edges.map(({ node }) => node) };
  }

  it("are read for any number of items with the statements of a few", async () => {
    await page(1);
    const few = await page(3);
    const many = await page(12);
    expect(many.count).toBe(few.count);
    expect(many.nodes).toHaveLength(12);
    for (const { variants, personalizedImages } of many.nodes) {
      expect(variants).toEqual([
        ...["red", "blue"].map(id => ({
          ...{ id, title: id, isAvailable: true, options: [{ name: "Colour", value: id }] },
          image: { widthPixels: 320 },
        })),
        ...[
          {
            ...{ id: "bare", title: "bare", isAvailable: true },
            ...{ options: [{ name: "Colour", value: "bare" }], image: null },
          },
        ],
      ]);
      const kinds = personalizedImages.edges.map(({ node }) => [node.kind, node.variant?.id]);
      expect(kinds.sort()).toEqual([
        ...[
          ["GENERATED", undefined],
          ["STUDIO", undefined],
        ],
        ...[
          ["VARIANT", "red"],
          ["VARIANT", "red"],
        ],
      ]);
    }
  });

  it("are null for an image whose variant was deleted since", async () => {
    await api.db.prisma.itemVariant.deleteMany({ where: { itemId: itemId(0), id: "red" } });
    const { nodes } = await page(1);
    const kinds = nodes[0].personalizedImages.edges.map(({ node }) => [node.kind, node.variant]);
    expect(kinds.filter(([kind]) => kind === "VARIANT")).toEqual([
      ...[
        ["VARIANT", null],
        ["VARIANT", null],
      ],
    ]);
  });

  it("are set by upsertItems", async () => {
    api.answers.image = () =>
      sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
        .png()
        .toBuffer();
    const upsert = `mutation ($input: [ItemInput!]!) {
      upsertItems(input: $input) { accepted changed imagesFailed { message } rejected { code message } }
    }`;
    const variants = [
      { id: "s", options: [{ name: "Size", value: "S" }], imageUrl: "https://cdn.example/a.png" },
      { id: "m", isAvailable: false, imageUrl: "https://cdn.example/a.png" },
    ];
    const input = [
      { id: itemId(1), variants },
      { id: itemId(2), variants: [] },
    ];
    const { data, errors } = await execute<{ upsertItems: object }>(upsert, {
      ...{ as: "RECOMMENDER", variables: { input } },
    });
    expect(errors).toEqual([]);
    expect(data?.upsertItems).toMatchObject({ accepted: 2, imagesFailed: [], rejected: [] });
    const { data: read } = await execute<{ item: ItemNode; other: ItemNode }>(
      `{ item(id: "${itemId(1)}") { variants { id isAvailable image { widthPixels } } }
         other: item(id: "${itemId(2)}") { variants { id } } }`,
      { as: "STOREFRONT" },
    );
    expect(read).toEqual({
      item: {
        variants: [
          { id: "s", isAvailable: true, image: { widthPixels: 8 } },
          { id: "m", isAvailable: false, image: { widthPixels: 8 } },
        ],
      },
      other: { variants: [] },
    });
    const many = Array.from({ length: 101 }, (_, n) => ({
      id: `${n}`,
      imageUrl: `https://c/${n}`,
    }));
    const refused = await execute(upsert, {
      ...{ as: "RECOMMENDER", variables: { input: [{ id: itemId(1), variants: many }] } },
    });
    expect(refused.errors[0].extensions?.code).toBe("PAYLOAD_TOO_LARGE");
  });
});
