/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadHeldOut, loadRanker } from "../../../../src/recsys/ranking/ranker-artefact.js";
import type { VersionMetrics } from "../../../../src/recsys/ranking/ranker-trainer.js";
import { choices, createShop, itemId, quickConfig, userId } from "./shop.js";

describe("RankerTrainer", () => {
  let shop: Awaited<ReturnType<typeof createShop>>;

  beforeEach(async () => {
    shop = await createShop();
  });

  afterEach(() => shop.remove());

  it("creates a ready version with metrics, lineage and files, and activates it", async () => {
    const version = await shop.train("v1");
    expect(version).toMatchObject({
      id: "v1",
      algorithm: "MICRO",
      state: "READY",
      isActive: true,
      seed: 1,
      artefactPath: join("rankers", "v1"),
      config: {
        algorithm: "MICRO",
        split: "ratio",
        model: { embeddingSize: 8, graphs: "rebuilt" },
      },
    });
    expect(version.dataHash).toMatch(/^[0-9a-f]{64}$/);
    expect(version.metrics).toMatchObject({
      numUsers: 10,
      numItems: 12,
      numInteractions: 50,
      validation: { "recall@10": 1 }, // 12 items, 10 of them retrieved
      test: { "ndcg@20": expect.any(Number) as number },
    });
    const folder = join(shop.home, "rankers", "v1");
    expect((await readdir(folder)).sort()).toEqual([
      "checkpoint",
      "checksums.json",
      "config.json",
      "data-hash",
      "held-out",
      "item-item.config.json",
      "item-item.weights.safetensors",
      "lineage.json",
      "weights.safetensors",
    ]);
    expect((await readdir(join(folder, "held-out"))).sort()).toEqual([
      "checksums.json",
      "config.json",
      "item-item.config.json",
      "item-item.weights.safetensors",
      "split.json",
      "weights.safetensors",
    ]);
    expect(await readdir(join(folder, "checkpoint"))).toEqual([]);
    expect(JSON.parse(await readFile(join(folder, "lineage.json"), "utf8"))).toMatchObject({
      versionId: "v1",
      seed: 1,
      dataHash: version.dataHash,
      dataUntil: "2026-01-05T00:00:00.000Z",
      numChosen: Array.from({ length: 10 }, () => 5),
    });
  });

  it("leaves the active version alone on request", async () => {
    await shop.train("v1");
    const second = await shop.train("v2", {}, false);
    expect(second).toMatchObject({ state: "READY", isActive: false });
    expect(await shop.rankers.activeVersionId()).toBe("v1");
  });

  it("does not activate a version that is worse on validation, unless told to", async () => {
    const train = (versionId: string, algorithm: string, activate: boolean | null) =>
      shop.rankers.train({
        versionId,
        seed: 1,
        config: { ...quickConfig, algorithm, split: "leaveLastOne" },
        activate,
      });
    expect((await train("v1", "LightGCN", null)).activation.reason).toBe("FIRST");
    // The best of both models on so small a shop is 12 items deep, so the worse one is set manually.
    const row = shop.versions.rows.get("v1")!;
    const better = { ...(row.metrics as object), validation: { "ndcg@10": 2 } };
    shop.versions.rows.set("v1", { ...row, metrics: better });
    const worse = await train("v2", "popularity", null);
    expect(worse.version).toMatchObject({ state: "READY", isActive: false });
    expect(worse.activation).toMatchObject({
      reason: "WORSE",
      candidate: expect.any(Number) as number,
      active: { versionId: "v1", validation: 2 },
    });
    expect(await shop.rankers.activeVersionId()).toBe("v1");
    const forced = await train("v2", "popularity", true);
    expect(forced).toMatchObject({ version: { isActive: true }, activation: { reason: "ASKED" } });
    expect(await shop.rankers.activeVersionId()).toBe("v2");
  });

  it("does not compare with a version of other data, and reports it", async () => {
    await shop.train("v1");
    shop.rows.push({ ...shop.rows[0], itemId: itemId(11) });
    const { activation, version } = await shop.rankers.train({
      versionId: "v2",
      seed: 1,
      config: quickConfig,
      activate: null,
    });
    expect(version.isActive).toBe(true);
    expect(activation).toMatchObject({
      reason: "NOT_COMPARABLE",
      notComparable: "they were trained on different data",
    });
  });

  it.each([
    ["MICRO", "EMBEDDINGS_MISSING"],
    ["FREEDOM", "EMBEDDINGS_MISSING"],
    ["VBPR", "EMBEDDINGS_MISSING"],
  ])("refuses to train %s before items are indexed", async (algorithm, code) => {
    shop.embeddings.isEmpty = true;
    await expect(shop.train("v1", { algorithm })).rejects.toMatchObject({ code });
    expect(shop.versions.rows.get("v1")).toMatchObject({ state: "FAILED" });
  });

  it.each(["MICRO", "FREEDOM", "VBPR", "LightGCN", "BPR-MF"])(
    "refuses to train %s where every user chose everything",
    async algorithm => {
      const two = Array.from({ length: 20 }, (_, user) =>
        [0, 1].map(item => ({ ...shop.rows[0], userId: `user-${user}`, itemId: itemId(item) })),
      ).flat();
      shop.rows.splice(0, Infinity, ...two);
      await expect(shop.train("v1", { algorithm, coreSize: 2 })).rejects.toMatchObject({
        code: "NOTHING_TO_COMPARE",
      });
    },
  );

  it("reports progress", async () => {
    const stages: [number, string][] = [];
    await shop.rankers.train(
      { versionId: "v1", seed: 1, config: { ...quickConfig, numEpochs: 5 }, activate: false },
      { onProgress: ({ fraction, stage }) => stages.push([fraction, stage]) },
    );
    const fractions = stages.map(([fraction]) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
    const ofEpochs = stages.filter(([, stage]) => stage.includes("loss"));
    const tenths = Array.from({ length: 10 }, (_, n) => (n + 1) / 10);
    expect(ofEpochs.map(([fraction]) => fraction)).toBeAllclose(tenths);
    expect(ofEpochs[4][1]).toMatch(/^epoch 5 of at most 5: loss \d\.\d{4}, recall@20 1\.0000$/);
    expect(ofEpochs[5][1]).toMatch(/^on all interactions, epoch 1 of at most 5: loss \d\.\d{4}$/);
  });

  it.each([
    ["in the first fit", 0.35, ["epoch 6", "epoch 7"]],
    // Nothing is left of the first fit, whose checkpoint is of its last epoch.
    ["in the refit", 0.85, ["on all interactions, epoch 6", "on all interactions, epoch 7"]],
  ])("resumes after a stop %s, to the same bytes", async (_, stopAt, expected) => {
    const files = ["weights.safetensors", "held-out/weights.safetensors"];
    const weights = (id: string) =>
      Promise.all(files.map(name => readFile(join(shop.home, "rankers", id, name))));
    const config = { ...quickConfig, numEpochs: 10, validateEvery: 10 };
    await shop.train("whole", config);
    const stop = new AbortController();
    const stopped = shop.rankers.train(
      { versionId: "stopped", seed: 1, config, activate: true },
      {
        signal: stop.signal,
        onProgress: ({ fraction }) => {
          if (fraction >= stopAt) {
            stop.abort();
          }
        },
      },
    );
    await expect(stopped).rejects.toThrow("aborted");
    expect(shop.versions.rows.get("stopped")).toMatchObject({ state: "TRAINING", failure: null });

    const epochs: string[] = [];
    const { version: resumed } = await shop.rankers.train(
      { versionId: "stopped", seed: 99, config: { numEpochs: 1 }, activate: false }, // its own number
      {
        onProgress: ({ stage }) => {
          if (stage.includes("loss")) {
            epochs.push(stage.slice(0, stage.indexOf(" of ")));
          }
        },
      },
    );
    expect(resumed).toMatchObject({ state: "READY", seed: 1 });
    expect(epochs.slice(0, 2)).toEqual(expected);
    expect(await weights("stopped")).toEqual(await weights("whole"));
  });

  it("serves a model of all interactions, and keeps the one of the train part", async () => {
    const refitted = await shop.train("v1");
    const plain = await shop.train("v2", { refit: false });
    expect(refitted.metrics).toMatchObject({ isRefitted: true });
    expect(plain.metrics).toMatchObject({ isRefitted: false });
    const { validation, test, epoch } = refitted.metrics as VersionMetrics;
    expect(plain.metrics).toMatchObject({ validation, test, epoch });
    const weights = (path: string) => readFile(join(shop.home, "rankers", path));
    const before = await weights("v1/held-out/weights.safetensors");
    expect(before.equals(await weights("v2/weights.safetensors"))).toBe(true);
    expect(before.equals(await weights("v1/weights.safetensors"))).toBe(false);
    expect(await readdir(join(shop.home, "rankers", "v2", "held-out"))).toEqual([
      "checksums.json",
      "split.json",
    ]);
  });

  it("refits on every choice: popularity then counts them all", async () => {
    await shop.train("v1", { algorithm: "popularity" });
    const counts = new Array<number>(12).fill(0);
    shop.rows.forEach(row => counts[Number(row.itemId.split("-")[1])]++);
    const served = await loadRanker(shop.store, "rankers/v1");
    const inOrder = served.itemIds.map(id => counts[Number(id.split("-")[1])]);
    expect([...served.model.score(0)]).toEqual(inOrder);
    const { ranker, split } = await loadHeldOut(shop.store, "rankers/v1");
    const ofTrain = new Array<number>(12).fill(0);
    split!.train.forEach(items => items.forEach(item => ofTrain[item]++));
    expect([...ranker.model.score(0)]).toEqual(ofTrain);
    expect(split!.test.every(items => items.length === 1)).toBe(true);
  });

  it("refuses a split that is not of its model", async () => {
    await shop.train("v1", { algorithm: "popularity" });
    const folder = join(shop.home, "rankers", "v1", "held-out");
    await writeFile(join(folder, "split.json"), '{"train": [[99]], "validation": [], "test": []}');
    await rm(join(folder, "checksums.json")); // as if it was stored so
    await expect(loadHeldOut(shop.store, "rankers/v1")).rejects.toMatchObject({
      code: "FILE_MALFORMED",
      details: {
        path: "rankers/v1/held-out/split.json",
        reason: "it is not of 10 users and 12 items",
      },
    });
  });

  it("restarts when the data changed since it was stopped", async () => {
    const stop = new AbortController();
    const request = { versionId: "v1", seed: 1, config: quickConfig, activate: false };
    await shop.rankers
      .train(request, {
        signal: stop.signal,
        onProgress: ({ fraction }) => fraction >= 0.7 && stop.abort(),
      })
      .catch(() => undefined);
    shop.rows.push({ ...shop.rows[0], itemId: itemId(11) });
    const epochs: string[] = [];
    await shop.rankers.train(request, {
      onProgress: ({ stage }) => stage.includes("loss") && epochs.push(stage),
    });
    expect(epochs[0]).toMatch(/^epoch 1 /);
  });

  it.each(["MICRO", "FREEDOM", "VBPR", "LightGCN", "popularity"])(
    "trains %s to the same bytes when the test items are given to other users",
    async algorithm => {
      const trained = async (id: string) => {
        const { metrics, dataHash } = await shop.train(id, { algorithm });
        const weights = join(shop.home, "rankers", id, "held-out", "weights.safetensors");
        return { metrics, dataHash, weights: await readFile(weights) };
      };
      const before = await trained("v1");
      // By time each user's last item is for test: 10 of every even user, 11 of every odd one.
      const last = [itemId(10), itemId(11)];
      shop.rows.forEach((row, place) => {
        if (last.includes(row.itemId)) {
          const other = last.find(id => id !== row.itemId)!;
          shop.rows[place] = { ...row, itemId: other };
        }
      });
      const after = await trained("v2");
      expect(after.dataHash).not.toBe(before.dataHash);
      expect(after.weights.equals(before.weights)).toBe(true);
    },
  );

  it("accepts an algorithm's name in any case, and keeps its own hyper-parameters", async () => {
    const version = await shop.train("v1", { algorithm: "freedom", pruning: 0.5 });
    expect(version.config).toMatchObject({
      algorithm: "FREEDOM",
      model: { pruning: 0.5, embeddingSize: 8, numItemLayers: 1 },
    });
    expect(Object.keys((version.config as { model: object }).model)).not.toContain("contrast");
  });

  it("does not train a ready version again", async () => {
    const first = await shop.train("v1");
    expect(await shop.train("v1")).toMatchObject({ metrics: first.metrics, state: "READY" });
  });

  it("records why a training failed", async () => {
    await expect(shop.train("v1", { learningRate: 1e30 })).rejects.toMatchObject({
      code: "TRAINING_DIVERGED",
    });
    expect(shop.versions.rows.get("v1")).toMatchObject({
      state: "FAILED",
      failure: expect.stringContaining("not numbers") as string,
    });
  });

  it("requires enough choices", async () => {
    shop.rows.splice(10);
    await expect(shop.train("v1")).rejects.toThrow("needs at least 20 interactions, but got 10");
  });

  it.each([
    [{ numEpoch: 3 }, 'Unrecognized key: "numEpoch"'],
    [{ contrast: { kind: "anchors" } }, "→ at model.contrast.count"],
    [{ learningRate: -1 }, "→ at model.learningRate"],
    [{ algorithm: "SVD" }, "→ at algorithm"],
  ])("refuses the configuration %j before recording anything", async (config, problem) => {
    await expect(shop.train("v1", config)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(problem) as string,
    });
    expect(shop.versions.rows.size).toBe(0);
  });

  it.each(["popularity", "BPR-MF", "LightGCN"])("trains the baseline %s", async algorithm => {
    const version = await shop.train("v1", { algorithm });
    expect(version).toMatchObject({ algorithm, state: "READY", isActive: true });
    expect(await shop.rankers.active()).toMatchObject({ model: { algorithm } });
  });

  it("learns nothing from the test items: permuting them gives a bit-identical model", async () => {
    await shop.train("a");
    // The last choice of each user is its test item (8 : 1 : 1 of five). Give it to a user of the other taste.
    const lastOf = (user: number) => shop.rows.filter(row => row.userId === userId(user)).at(-1)!;
    const last = Array.from({ length: 10 }, (_, user) => lastOf(user));
    const items = last.map(({ itemId }) => itemId);
    const before = choices();
    last.forEach((row, user) => {
      row.itemId = items[(user + 1) % 10];
    });
    const owned = (user: number) => shop.rows.filter(row => row.userId === userId(user));
    for (let user = 0; user < 10; user++) {
      expect(new Set(owned(user).map(({ itemId }) => itemId)).size).toBe(5); // still without repeats
    }
    expect(shop.rows.map(({ itemId }) => itemId)).not.toEqual(before.map(({ itemId }) => itemId));
    await shop.train("b");
    const [a, b] = await Promise.all(
      ["a", "b"].map(id =>
        readFile(join(shop.home, "rankers", id, "held-out", "weights.safetensors")),
      ),
    );
    expect(a.equals(b)).toBe(true);
  });

  it("does not activate a version with damaged files", async () => {
    await shop.train("v1");
    await shop.train("v2", {}, false);
    await writeFile(join(shop.home, "rankers", "v2", "weights.safetensors"), "damaged!");
    await expect(shop.rankers.activate("v2")).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    expect(await shop.rankers.activeVersionId()).toBe("v1");
  });
});
