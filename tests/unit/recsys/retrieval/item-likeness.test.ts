import {
  ItemLikeness,
  type SampledTraits,
} from "../../../../src/recsys/retrieval/item-likeness.js";

/** A unit vector whose cosine with that of 0 degrees is the angle's. */
function at(degrees: number): Float32Array {
  const angle = (degrees * Math.PI) / 180;
  return Float32Array.of(Math.cos(angle), Math.sin(angle));
}

function sampled(text: string, captionDegrees = 0, imageDegrees: number | null = 0): SampledTraits {
  const image = imageDegrees === null ? null : at(imageDegrees);
  return { text, caption: at(captionDegrees), image };
}

const other = (captionCosine: number, imageDegrees: number | null, text = "") => ({
  text,
  image: imageDegrees === null ? null : at(imageDegrees),
  captionCosine,
});

describe("ItemLikeness", () => {
  it("counts a common word by its idf", () => {
    const texts = ["red mug", "blue mug", "green mug", "red hat"];
    const likeness = new ItemLikeness(
      texts.map(text => sampled(text)),
      { caption: 0, image: 0, words: 1 },
    );
    // n = 4; df: mug 3, red 2, blue 1. idf: ln(1 + 1.5 / 3.5), ln(1 + 2.5 / 2.5), ln(1 + 3.5 / 1.5).
    const [mug, red, blue] = [Math.log(10 / 7), Math.log(2), Math.log(10 / 3)];
    const [overlap, itself, none] = likeness.compare({ text: "Red mug", image: null }, [
      other(0, null, "blue mug"),
      other(0, null, "mug, red"),
      other(0, null, "hat"),
    ]);
    expect(overlap).toBeCloseTo(mug / Math.sqrt((mug + red) * (mug + blue)), 10);
    expect(itself).toBeCloseTo(1, 10);
    expect(none).toBe(0);
  });

  it("counts each signal in units of its deviation over pairs of the sample", () => {
    // Caption cosines of the three pairs: cos 60, cos 60, cos 120 = .5, .5, -.5; of the images: cos 0, cos 90, cos 90.
    const likeness = new ItemLikeness(
      [sampled("", 0, 0), sampled("", 60, 0), sampled("", -60, 90)],
      { caption: 1, image: 2, words: 0 },
    );
    // Means 1/6 and 1/3; variances (.25 * 3) / 3 - 1/36 = 2/9 and 1/3 - 1/9 = 2/9: the same deviation.
    const [found] = likeness.compare({ text: "", image: at(0) }, [other(0.2, 60)]);
    expect(found).toBeCloseTo((1 * 0.2 + 2 * 0.5) / 3, 6);
  });

  it("prefers the signal that tells items apart over one that is alike for all", () => {
    // All captions are within 4 degrees of each other; images differ by up to 90.
    const sample = [0, 1, 2, 3, 4].map(n => sampled("", n, 22.5 * n));
    const likeness = new ItemLikeness(sample);
    const [byCaption, byImage] = likeness.compare({ text: "", image: at(0) }, [
      other(Math.cos(Math.PI / 90), 60), // 2 degrees
      other(Math.cos(Math.PI / 60), 10), // 3 degrees
    ]);
    expect(byImage).toBeGreaterThan(byCaption);
  });

  it("counts images as far as they agree with captions", () => {
    // Angles of three captions and images: the caption cosines of the pairs 01, 02, 12 and the image cosines.
    const foundWith = (captions: readonly number[], images: readonly number[]) => {
      const sample = captions.map((degrees, n) => sampled("", degrees, images[n]));
      const likeness = new ItemLikeness(sample, { caption: 1, image: 1, words: 0 });
      return likeness.compare({ text: "", image: at(0) }, [other(0, 0)])[0];
    };
    // Captions .5, .5, -.5; images 1, 0, 0 (r = .5, counts fully), then 0, 0, 1 (r = -1, does not count).
    expect(foundWith([0, 60, -60], [0, 0, 90])).toBeCloseTo(1 / 2, 6);
    expect(foundWith([0, 60, -60], [90, 0, 0])).toBeCloseTo(0, 6);
    // Captions 1, 0, 0 and images cos 60, cos 60, cos 0 = .5, .5, 1: r = -.5. Images 1, .5, .5 have r = 1.
    expect(foundWith([0, 0, 90], [60, 0, 0])).toBeCloseTo(0, 6);
    expect(foundWith([0, 0, 90], [0, 0, 60])).toBeCloseTo(2 / 3, 6); // the deviation of images is half as large
  });

  it("takes the sample's mean for an image that is missing", () => {
    const images = { caption: 0, image: 1, words: 0 };
    const likeness = new ItemLikeness(
      [sampled("", 0, 0), sampled("", 0, 0), sampled("", 0, 90), sampled("", 0, null)],
      images,
    );
    const [present, missing] = likeness.compare({ text: "", image: at(0) }, [
      other(0.9, 0),
      other(0.9, null),
    ]);
    expect(present).toBeCloseTo(1, 6);
    expect(missing).toBeCloseTo(1 / 3, 6); // of cos 0, cos 90, cos 90
    expect(likeness.compare({ text: "", image: null }, [other(0.9, 0)])).toEqual([0.9]);
  });

  it("is the cosine of captions where the sample shows no spread", () => {
    for (const sample of [[], [sampled("mug")], [sampled("mug"), sampled("mug")]]) {
      const likeness = new ItemLikeness(sample);
      expect(likeness.compare({ text: "mug", image: at(0) }, [other(0.7, 0, "mug")])).toEqual([
        0.7,
      ]);
    }
  });
});
