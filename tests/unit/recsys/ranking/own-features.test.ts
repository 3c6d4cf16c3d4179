import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { assertComplete, OwnFeaturesStore } from "../../../../src/recsys/ranking/own-features.js";

describe("OwnFeaturesStore", () => {
  let folder: string;
  let catalogue: Set<string>;
  let own: OwnFeaturesStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "own-features-"));
    catalogue = new Set(["a", "b", "c"]);
    own = new OwnFeaturesStore({
      store: new FolderArtefactStore(folder),
      items: { existing: async ids => new Set(ids.filter(id => catalogue.has(id))) },
    });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const features = matrix([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));

  it("gives back the rows of the catalogue's items, by id", async () => {
    const { kept, numUnknown } = await own.keep("looks", features, ["b", "gone", "a"]);
    expect(kept).toMatchObject({ modality: "looks", width: 2, numItems: 2 });
    expect(numUnknown).toBe(1);
    expect(await own.find(kept)).toEqual([
      { itemId: "b", vector: Float32Array.of(1, 2) },
      { itemId: "a", vector: Float32Array.of(5, 6) },
    ]);
    catalogue.delete("b");
    expect((await own.find(kept)).map(({ itemId }) => itemId)).toEqual(["a"]);
  });

  it("keeps equal features once, and different ones beside each other", async () => {
    const first = await own.keep("looks", features, ["a", "b", "c"]);
    const again = await own.keep("visual", features, ["a", "b", "c"]);
    const other = await own.keep("looks", features, ["a", "c", "b"]);
    expect(again.kept.hash).toBe(first.kept.hash);
    expect(other.kept.hash).not.toBe(first.kept.hash);
    expect((await own.find(first.kept))[1]).toEqual({
      itemId: "b",
      vector: Float32Array.of(3, 4),
    });
  });

  it.each([
    ["too few ids", ["a", "b"], [1, 2, 3, 4, 5, 6], "3 rows and 2 ids"],
    ["an id twice", ["a", "b", "a"], [1, 2, 3, 4, 5, 6], "the item 'a' twice"],
    ["NaN", ["a", "b", "c"], [1, 2, NaN, 4, 5, 6], "the row of 'b' has NaN"],
    ["no known item", ["x", "y", "z"], [1, 2, 3, 4, 5, 6], "no item of the catalogue"],
  ])("refuses %s", async (_, ids, values, problem) => {
    const given = matrix([3, 2], Float32Array.from(values));
    await expect(own.keep("visual", given, ids)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(problem) as string,
    });
  });

  it("refuses a name that is no word, and features that are no longer there", async () => {
    await expect(own.keep("My looks", features, ["a", "b", "c"])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { argument: "--modality" },
    });
    const { kept } = await own.keep("visual", features, ["a", "b", "c"]);
    await expect(own.find({ ...kept, width: 3 })).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await expect(own.find({ ...kept, hash: "0".repeat(64) })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});

describe("assertComplete()", () => {
  it("counts the items of the data set that have no row", () => {
    const entries = [{ itemId: "b", vector: Float32Array.of(1) }];
    expect(() => {
      assertComplete({ itemIds: ["a", "b", "c"] }, "visual", entries);
    }).toThrow(
      expect.objectContaining({
        code: "FEATURES_MISSING",
        message: "2 of 3 items have no row of features 'visual', such as 'a'",
      }) as Error,
    );
    expect(() => {
      assertComplete({ itemIds: ["b"] }, "visual", entries);
    }).not.toThrow();
  });
});
