import { Popularity } from "../../../../src/ml/ranking/popularity.js";
import type { Recommender } from "../../../../src/ml/ranking/recommender.js";
import {
  assertPackFeatures,
  assertRanksImages,
  imagesWarning,
  ranksImages,
} from "../../../../src/recsys/ranking/image-ranking.js";
import { rankedItem } from "../../../../src/recsys/ranking/ranked-item.js";
import type { LoadedRanker } from "../../../../src/recsys/ranking/ranker-artefact.js";

describe("assertRanksImages()", () => {
  it("names the algorithm that does not rank items by their images", () => {
    const model = new Popularity();
    expect(() => {
      assertRanksImages({ model });
    }).toThrow(
      expect.objectContaining({
        code: "RANKER_IGNORES_IMAGES",
        details: { algorithm: model.algorithm },
      }) as Error,
    );
  });
});

describe("a ranker of the shop's own features", () => {
  /** Reads images of any width: only whose features they are tells that another image cannot stand in. */
  const model = {
    algorithm: "VBPR",
    modalityNames: ["visual"],
    score: () => Float32Array.of(1, 2),
    whatIf: (_viewer: unknown, _target: unknown, images: readonly Float32Array[]) =>
      images.map(() => 3),
  } as unknown as Recommender; // what is read of it

  const scoresWith = (ownModalities?: readonly string[]) => {
    const ranker = {
      model,
      ownModalities,
      itemIds: ["a", "b"],
      itemIndexOf: new Map([["a", 0]]),
    } as unknown as LoadedRanker; // what is read of it
    const known = { ranker, viewer: { userIndex: 0 }, source: "RANKER", seen: new Set<number>() };
    return rankedItem(known as Parameters<typeof rankedItem>[0], "a", [])!.scoresWith([
      Float32Array.of(1),
    ]);
  };

  it("does not rank an item by an image of the model pack", () => {
    expect(scoresWith()).toEqual([3]);
    expect(scoresWith(["looks"])).toEqual([3]);
    expect(scoresWith(["visual"])).toBeNull();
    expect(() => {
      assertRanksImages({ model, ownModalities: ["looks"] });
    }).not.toThrow();
    expect(() => {
      assertRanksImages({ model, ownModalities: ["visual"] });
    }).toThrow(
      expect.objectContaining({
        code: "RANKER_HAS_OWN_FEATURES",
        details: { algorithm: "VBPR", modality: "visual" },
      }) as Error,
    );
  });

  it("does not train again on the model pack's embeddings, whatever the modality", () => {
    expect(() => {
      assertPackFeatures({ model, ownModalities: ["looks"] });
    }).toThrow(
      expect.objectContaining({ details: { algorithm: "VBPR", modality: "looks" } }) as Error,
    );
    expect(() => {
      assertPackFeatures({ model });
    }).not.toThrow();
  });

  it("is told from its version, with a warning that says why", () => {
    const version = (modality: string) => ({
      algorithm: "VBPR",
      metrics: { modalities: ["visual", "textual"] },
      config: { features: [{ modality }] },
    });
    expect(ranksImages(version("looks"))).toBe(true);
    expect(imagesWarning(version("looks"))).toBeNull();
    expect(ranksImages(version("visual"))).toBe(false);
    expect(imagesWarning(version("visual"))).toContain("features of the shop's own");
  });
});
