import type { LoadedRanker } from "../../../../src/recsys/ranking/ranker-artefact.js";
import { readShopSnapshot } from "../../../../src/recsys/reflection/shop-snapshot.js";

describe("readShopSnapshot()", () => {
  it("refuses a ranking model of the shop's own features before it reads any rows", async () => {
    const model = { algorithm: "FREEDOM" };
    const active = { versionId: "v", model, ownModalities: ["looks"] };
    const unread = () => {
      throw new Error("rows were read");
    };
    await expect(
      readShopSnapshot({
        rankers: { active: async () => active as unknown as LoadedRanker }, // what it reads
        versions: { findById: async () => ({ config: {}, seed: 1 }) },
        interactions: { streamAll: unread },
        items: { findAll: unread },
      }),
    ).rejects.toMatchObject({
      code: "RANKER_HAS_OWN_FEATURES",
      details: { algorithm: "FREEDOM", modality: "looks" },
    });
  });
});
