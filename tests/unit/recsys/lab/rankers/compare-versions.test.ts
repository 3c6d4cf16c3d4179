/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { FolderArtefactStore } from "../../../../../src/db/artefact-store.js";
import { CompareVersionsService } from "../../../../../src/recsys/lab/rankers/compare-versions.service.js";
import { createShop, itemId, quickConfig } from "../../ranking/shop.js";

describe("CompareVersionsService", () => {
  let shop: Awaited<ReturnType<typeof createShop>>;
  let service: CompareVersionsService;
  const options = { on: "test", seed: 1 } as const;

  beforeAll(async () => {
    shop = await createShop();
    const train = (versionId: string, algorithm: string) =>
      shop.rankers.train({
        versionId,
        seed: 1,
        config: { ...quickConfig, algorithm },
        activate: false,
      });
    await train("gcn", "LightGCN");
    await train("popular", "popularity");
    const store = new FolderArtefactStore(shop.home);
    service = new CompareVersionsService({ versions: shop.rankers, store });
  });

  afterAll(() => shop.remove());

  it("gives the metrics that the trainings measured, and the paired test of both", async () => {
    const compared = await service.compare("popular", "gcn", options);
    expect(compared).toMatchObject({ metric: "ndcg@10", numUsers: 10 });
    expect(compared.versions.map(({ versionId }) => versionId)).toEqual(["popular", "gcn"]);
    for (const { versionId, metrics, interval } of compared.versions) {
      const stored = shop.versions.rows.get(versionId)!.metrics as { test: Record<string, number> };
      expect(metrics["ndcg@10"]).toBeCloseTo(stored.test["ndcg@10"], 6);
      expect(interval![0]).toBeLessThanOrEqual(metrics["ndcg@10"]!);
      expect(interval![1]).toBeGreaterThanOrEqual(metrics["ndcg@10"]!);
    }
    const [popular, gcn] = compared.versions.map(({ metrics }) => metrics["ndcg@10"]!);
    const { better, difference, pValue, wilcoxonPValue } = compared.test!;
    expect(difference).toBeCloseTo(Math.abs(gcn - popular), 6);
    expect(better).toBe(gcn >= popular ? "gcn" : "popular");
    expect(pValue).toBeGreaterThan(0);
    expect(wilcoxonPValue).toBeGreaterThan(0);
    expect(await service.compare("popular", "gcn", options)).toEqual(compared);
  });

  it("refuses unknown versions, and those that are not trained", async () => {
    const failed = {
      ...shop.versions.rows.get("gcn")!,
      artefactPath: null,
      state: "FAILED" as const,
    };
    const store = new FolderArtefactStore(shop.home);
    const versions = {
      find: (id: string) => (id === "late" ? Promise.resolve(failed) : shop.rankers.find(id)),
    };
    const partly = new CompareVersionsService({ versions, store });
    await expect(partly.compare("gcn", "late", options)).rejects.toMatchObject({
      code: "RANKER_NOT_READY",
    });
    await expect(partly.compare("gcn", "nobody", options)).rejects.toMatchObject({
      code: "MODEL_VERSION_NOT_FOUND",
    });
  });

  it("refuses versions that were trained on other choices", async () => {
    shop.rows.push({ ...shop.rows[0], itemId: itemId(11) });
    await shop.train("late", {}, false);
    await expect(service.compare("gcn", "late", options)).rejects.toMatchObject({
      code: "NOT_COMPARABLE",
    });
  });
});
