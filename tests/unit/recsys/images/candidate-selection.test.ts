import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { type Gate, selectCandidate } from "../../../../src/recsys/images/candidate-selection.js";
import type { CheckedImage } from "../../../../src/recsys/images/product-lock.js";
import type { WhatIf } from "../../../../src/recsys/ranking/picture-ranker.js";

const image: RgbImage = { widthPixels: 1, heightPixels: 1, pixels: new Uint8Array(3) };
/** The reference's image and caption have a cosine of 0.8. */
const reference = {
  referenceImageEmbedding: new Float32Array([1, 0]),
  referenceCaptionEmbedding: new Float32Array([0.8, 0.6]),
};
const passing = () => ({ passes: true, faults: [] });
const like = new Float32Array([1, 0]);
/** Of cosine 0 to the caption. */
const unlike = new Float32Array([0.6, -0.8]);

function whatIf(candidates: [score: number, rank: number][]): WhatIf {
  return {
    rankingModelVersionId: "v1",
    scoreBefore: 1,
    rankBefore: 10,
    numRanked: 100,
    scoreDeviation: 1,
    candidates: candidates.map(([score, rank]) => ({ score, rank, deltaR: (10 - rank) / 11 })),
  };
}

/** Chooses by the rules of serving. */
function select(
  embeddings: Float32Array[],
  ranked: WhatIf | null,
  { gate = passing, moderated }: { gate?: Gate; moderated?: string[][] } = {},
) {
  const images = embeddings.map(() => image);
  const moderation = { faultsOf: async () => moderated ?? images.map(() => []) };
  return selectCandidate(reference, { images, embeddings, whatIf: ranked }, { gate, moderation });
}

describe("selectCandidate()", () => {
  it("serves the image with the highest score", async () => {
    const ranked = whatIf([
      [1.5, 6],
      [2, 4],
    ]);
    expect(await select([like, like], ranked)).toMatchObject({ chosen: 1, isServed: true });
  });

  it("takes the first of equal scores", async () => {
    const ranked = whatIf([
      [1, 6],
      [2, 4],
      [2, 4],
    ]);
    expect(await select([like, like, like], ranked)).toMatchObject({ chosen: 1 });
  });

  it("keeps the best image, but does not serve it, where the item ranks lower with every one", async () => {
    const ranked = whatIf([
      [0.5, 20],
      [0.9, 11],
    ]);
    expect(await select([like, like], ranked)).toMatchObject({ chosen: 1, isServed: false });
  });

  it("serves an image with which the item ranks as before", async () => {
    expect(await select([like], whatIf([[1, 10]]))).toMatchObject({ isServed: true });
  });

  it("leaves out a better image that moderation is against", async () => {
    const ranked = whatIf([
      [9, 1],
      [2, 4],
    ]);
    expect(await select([like, like], ranked, { moderated: [["UNSAFE"], []] })).toMatchObject({
      chosen: 1,
      candidates: [{ faults: ["UNSAFE"] }, { faults: [] }],
    });
  });

  it("leaves out a better image that has left its caption, however high it ranks", async () => {
    const ranked = whatIf([
      [9, 1],
      [2, 4],
    ]);
    const selection = await select([unlike, like], ranked);
    expect(selection.captionFloor).toBeCloseTo(0.4);
    expect(selection.candidates[0].faults).toEqual(["OFF_CAPTION"]);
    expect(selection).toMatchObject({ chosen: 1, isServed: true });
  });

  it("leaves out a better image that is not true to the product, and says why", async () => {
    const ranked = whatIf([
      [9, 1],
      [2, 4],
    ]);
    const check = (faults: CheckedImage["faults"]): CheckedImage => ({
      image,
      policy: "PRODUCT",
      fidelity: { colorMean: 0, colorP95: 0, ssim: 1, edgeEnergy: 1, sharpness: 1, size: 1 },
      generatedFidelity: null,
      faults,
    });
    const checks = [check(["PRODUCT_CHANGED"]), check([])];
    const candidates = { images: [image, image], embeddings: [like, like], whatIf: ranked, checks };
    const rules = { gate: passing, moderation: { faultsOf: async () => [[], []] } };
    expect(await selectCandidate(reference, candidates, rules)).toMatchObject({
      chosen: 1,
      candidates: [{ faults: ["PRODUCT_CHANGED"] }, { faults: [], check: { policy: "PRODUCT" } }],
    });
    expect(await selectCandidate(reference, candidates, null)).toMatchObject({ chosen: 0 });
  });

  it("chooses none when the gate lets none through", async () => {
    const gate = () => ({ passes: false, faults: ["BLANK"] });
    expect(await select([like], whatIf([[9, 1]]), { gate })).toMatchObject({
      chosen: null,
      isServed: false,
    });
  });

  it("goes by the caption where no ranking model knows the item", async () => {
    const close = new Float32Array([0.8, 0.6]);
    expect(await select([like, close], null)).toMatchObject({ chosen: 1, isServed: true });
  });

  it("chooses by score alone without rules, whatever the rank and the caption are", async () => {
    const candidates = {
      images: [image, image],
      embeddings: [unlike, like],
      whatIf: whatIf([
        [0.9, 11],
        [0.5, 20],
      ]),
    };
    expect(await selectCandidate(reference, candidates, null)).toMatchObject({
      chosen: 0,
      isServed: true,
      candidates: [{ faults: [] }, { faults: [] }],
    });
  });
});
