/** @file A retrieval is computed again exactly when something that it depends on has changed. */
import { beforeEach, describe, expect, it } from "@jest/globals";
import type {
  RetrievalStamps,
  RetrievalState,
  StampedItem,
  StateRequest,
} from "../../../../src/db/retrieval.repository.js";
import { Random, seedFrom } from "../../../../src/ml/nn/random.js";
import { RetrievalService } from "../../../../src/recsys/retrieval/retrieval.service.js";

const D = 4;

/** Users with histories of items, whose stamps count their changes. */
class Shop {
  readonly versions = new Map<string, number>();
  readonly histories = new Map<string, string[]>([
    ["anna", ["cat", "dog"]],
    ["ben", ["cat", "dog"]],
    ["carl", ["dog", "cat"]],
  ]);

  private stampOf(itemId: string): string {
    return `${itemId} ${this.versions.get(itemId) ?? 0}`;
  }

  readonly findStamps = async (about: StateRequest): Promise<RetrievalStamps> => ({
    ...(await this.findState(about)),
    images: new Map(about.itemIds.map(itemId => [itemId, new Map()])),
  });

  readonly findState = async ({ userId, itemIds }: StateRequest): Promise<RetrievalState> => ({
    references: new Map(
      itemIds.map(itemId => [itemId, { itemId, stamp: this.stampOf(itemId), variantStamp: null }]),
    ),
    historyStamp: this.histories
      .get(userId)!
      .map(itemId => this.stampOf(itemId))
      .join(),
    history: this.histories.get(userId)!.map((itemId, at) => ({
      itemId,
      stamp: this.stampOf(itemId),
      occurredAt: new Date(at),
      strength: 1,
    })),
  });

  readonly findItems = async (_encoder: string, itemIds: readonly string[]) =>
    itemIds.map((itemId): StampedItem => {
      const random = new Random(seedFrom(this.stampOf(itemId)));
      return {
        itemId,
        stamp: this.stampOf(itemId),
        title: this.stampOf(itemId),
        keywords: [itemId],
        caption: itemId,
        blobHash: "a".repeat(64),
        captionEmbedding: random.normals(D),
        imageEmbedding: random.normals(D),
      };
    });
}

describe("a retrieval that is known", () => {
  let shop: Shop;
  let service: RetrievalService;

  beforeEach(() => {
    shop = new Shop();
    service = new RetrievalService({ encoder: "test@1", rows: shop });
  });

  it("is given again, also to another user with the same history", async () => {
    const first = await service.retrieve("anna", "owl");
    expect(await service.retrieve("anna", "owl")).toBe(first);
    expect(await service.retrieve("ben", "owl")).toBe(first);
  });

  it.each([
    ["an item of the history", (of: Shop) => void of.versions.set("cat", 1)],
    ["the item itself", (of: Shop) => void of.versions.set("owl", 1)],
    ["the history", (of: Shop) => void of.histories.get("anna")!.push("fox")],
    ["the order of the history", (of: Shop) => void of.histories.get("anna")!.reverse()],
  ])("is computed again when %s changes", async (_what, change) => {
    const first = await service.retrieve("anna", "owl");
    change(shop);
    const second = await service.retrieve("anna", "owl");
    expect(second).not.toBe(first);
    expect(second).toEqual(
      await new RetrievalService({ encoder: "test@1", rows: shop }).retrieve("anna", "owl"),
    );
  });

  it("is not that of other options or of another item", async () => {
    const first = await service.retrieve("anna", "owl");
    expect((await service.retrieve("anna", "owl", { k: 1 })).retrieved.length).toBe(1);
    expect(first.retrieved.length).toBe(2);
    expect((await service.retrieve("anna", "owl", { historyLimit: 1 })).historyItemIds).toEqual([
      "dog",
    ]);
    expect(await service.retrieve("anna", "fox")).not.toBe(first);
  });
});
