import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import type { SubjectMask } from "../../../../src/ml/studio/subject-mask.js";
import { SubjectMasks } from "../../../../src/recsys/images/subject-masks.js";

const image: RgbImage = { widthPixels: 2, heightPixels: 2, pixels: new Uint8Array(12).fill(9) };
const made: SubjectMask = {
  widthPixels: 2,
  heightPixels: 2,
  alpha: Uint8Array.of(0, 255, 128, 0),
  coverage: 0.37,
  fault: "WEAK_EDGE",
};

function createMasks(version = "subject-mask@1") {
  const files = new Map<string, Uint8Array>();
  let numMade = 0;
  const masks = new SubjectMasks({
    blobs: { get: async () => new Uint8Array() },
    decode: async () => ({ image, alpha: null }),
    masker: {
      version,
      mask: async () => {
        numMade++;
        return made;
      },
    },
    store: {
      get: async key => files.get(key) ?? null,
      put: async (key, bytes) => {
        files.set(key, bytes);
      },
    },
  });
  return { files, masks, numMade: () => numMade };
}

describe("SubjectMasks", () => {
  it("makes a mask once, and keeps it under the hash and the version", async () => {
    const { files, masks, numMade } = createMasks();
    const [first, second] = await Promise.all([masks.of("abcd"), masks.of("abcd")]);
    expect(first).toEqual({ image, mask: made });
    expect(second).toEqual(first);
    expect(await masks.of("abcd")).toEqual(first);
    expect(numMade()).toBe(1);
    expect([...files.keys()]).toEqual(["masks/ab/abcd-subject-mask-1"]);
  });

  it("makes a damaged mask again", async () => {
    const { files, masks, numMade } = createMasks();
    await masks.of("abcd");
    for (const [key, bytes] of files) {
      files.set(key, bytes.slice(0, -3));
    }
    expect(await masks.of("abcd")).toEqual({ image, mask: made });
    expect(numMade()).toBe(2);
  });
});
