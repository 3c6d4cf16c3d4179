import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { selectCandidate, type WhatIf } from "../../../../src/recsys/images/candidate-selection.js";

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
    candidates: candidates.map(([score, rank]) => ({ score, rank, deltaR: (10 - rank) / 11 })),
  };
}

describe("selectCandidate()", () => {
  it("serves the picture with the highest score", () => {
    const selection = selectCandidate(reference, [image, image], {
      embeddings: [like, like],
      whatIf: whatIf([
        [1.5, 6],
        [2, 4],
      ]),
      gate: passing,
    });
    expect(selection).toMatchObject({ chosen: 1, isServed: true });
  });

  it("keeps the best picture, but does not serve it, where the item ranks lower with every one", () => {
    const selection = selectCandidate(reference, [image, image], {
      embeddings: [like, like],
      whatIf: whatIf([
        [0.5, 20],
        [0.9, 11],
      ]),
      gate: passing,
    });
    expect(selection).toMatchObject({ chosen: 1, isServed: false });
  });

  it("serves a picture with which the item ranks as before", () => {
    const given = { embeddings: [like], whatIf: whatIf([[1, 10]]), gate: passing };
    expect(selectCandidate(reference, [image], given).isServed).toBe(true);
  });

  it("passes over a better picture that moderation is against", () => {
    const selection = selectCandidate(reference, [image, image], {
      embeddings: [like, like],
      whatIf: whatIf([
        [9, 1],
        [2, 4],
      ]),
      gate: passing,
      moderated: [["UNSAFE"], []],
    });
    expect(selection).toMatchObject({
      chosen: 1,
      candidates: [{ faults: ["UNSAFE"] }, { faults: [] }],
    });
  });

  it("passes over a better picture that has left its caption, however high it ranks", () => {
    const selection = selectCandidate(reference, [image, image], {
      embeddings: [unlike, like],
      whatIf: whatIf([
        [9, 1],
        [2, 4],
      ]),
      gate: passing,
    });
    expect(selection.captionFloor).toBeCloseTo(0.4);
    expect(selection.candidates[0].faults).toEqual(["OFF_CAPTION"]);
    expect(selection).toMatchObject({ chosen: 1, isServed: true });
  });

  it("chooses none when the gate lets none through", () => {
    const gate = () => ({ passes: false, faults: ["BLANK"] });
    const given = { embeddings: [like], whatIf: whatIf([[9, 1]]), gate };
    expect(selectCandidate(reference, [image], given)).toMatchObject({
      chosen: null,
      isServed: false,
    });
  });

  it("goes by the caption where no ranking model knows the item", () => {
    const given = { embeddings: [like, new Float32Array([0.8, 0.6])], whatIf: null, gate: passing };
    expect(selectCandidate(reference, [image, image], given)).toMatchObject({
      chosen: 1,
      isServed: true,
    });
  });
});
