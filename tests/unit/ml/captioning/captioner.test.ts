/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { Captioner } from "../../../../src/ml/captioning/captioner.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";

describe("Captioner.load()", () => {
  it("names the missing file", async () => {
    const pack = await openModelPack("tests/golden/tiny-sd15");
    await expect(Captioner.load(pack)).rejects.toThrow(/has no file 'captioner\/config.json'/);
  });
});

describeWithMiniPack("Captioner", () => {
  it("is deterministic, with one line per caption", async () => {
    const captioner = await Captioner.load(await openModelPack(miniPackDir), { numThreads: 1 });
    const image: RgbImage = {
      widthPixels: 60,
      heightPixels: 80,
      pixels: Uint8Array.from({ length: 60 * 80 * 3 }, (_, i) => (i % 3 === 0 ? 220 : 40)),
    };
    const captions = await captioner.caption([image, image]);
    expect(captions).toHaveLength(2);
    expect(captions[0]).toBe(captions[1]);
    expect(captions[0]).toMatch(/^\S+( \S+)*$/);
    expect(await captioner.caption([])).toEqual([]);
    await captioner.dispose();
  });
});
