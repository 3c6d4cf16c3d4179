/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFile, writeFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readShopSnapshot } from "../../../../src/recsys/reflection/shop-snapshot.js";
import { createShop, itemId } from "../ranking/shop.js";
import { catalogue } from "./tiny-shop.js";

describe("readShopSnapshot()", () => {
  let shop: Awaited<ReturnType<typeof createShop>>;

  beforeEach(async () => {
    shop = await createShop();
    await shop.train("v1", { algorithm: "popularity" });
  });

  afterEach(() => shop.remove());

  const read = (changes: Partial<Parameters<typeof readShopSnapshot>[0]> = {}) =>
    readShopSnapshot({
      rankers: shop.rankers,
      versions: shop.versions,
      store: shop.store,
      interactions: {
        async *streamAll() {
          yield shop.rows;
        },
      },
      items: { findAll: async () => catalogue() },
      ...changes,
    });

  it("refuses a ranking model of the shop's own features before it reads any rows", async () => {
    const folder = join(shop.home, "rankers", "v1");
    const lineage = JSON.parse(await readFile(join(folder, "lineage.json"), "utf8")) as {
      config: object;
    };
    const config = { ...lineage.config, features: [{ modality: "looks" }] };
    await writeFile(join(folder, "lineage.json"), JSON.stringify({ ...lineage, config }));
    await rm(join(folder, "checksums.json")); // as if it was stored so
    const unread = () => {
      throw new Error("rows were read");
    };
    await expect(
      read({ interactions: { streamAll: unread }, items: { findAll: unread } }),
    ).rejects.toMatchObject({
      code: "RANKER_HAS_OWN_FEATURES",
      details: { algorithm: "popularity", modality: "looks" },
    });
  });

  it("has the model of before the refit, which knows train items alone", async () => {
    const { ranker, split } = await read();
    const counts = new Array<number>(ranker.itemIds.length).fill(0);
    split.train.forEach(items => items.forEach(item => counts[item]++));
    expect([...ranker.model.score(0)]).toEqual(counts);
    const served = await shop.rankers.active();
    expect([...served!.model.score(0)]).not.toEqual(counts);
  });

  it("keeps the split of the training after new and removed interactions", async () => {
    const before = await read();
    // An item of the other taste, at a time before all others: it would move every cut by number.
    shop.rows.push({ ...shop.rows[0], itemId: itemId(1), occurredAt: new Date(0) });
    expect((await read()).split).toEqual(before.split);
    const user = before.userIds.indexOf(shop.rows[0].userId);
    shop.rows.shift();
    const after = await read();
    expect(after.split.train[user]).toHaveLength(before.split.train[user].length - 1);
    expect(after.split.test).toEqual(before.split.test);
    expect(after.timelines[user]).toHaveLength(before.timelines[user].length - 1);
  });
});
