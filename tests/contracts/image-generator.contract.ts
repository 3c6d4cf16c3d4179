/** @file What every {@link ImageGenerator} must do, whatever it draws. */
import type { GenerateRequest, ImageGenerator } from "../../src/ml/diffusion/image-generator.js";

/** @param create A generator, and what frees it. */
export function describeImageGenerator(
  name: string,
  create: () => Promise<{ generator: ImageGenerator; close?: () => Promise<void> }>,
  request: GenerateRequest,
): void {
  describe(`${name} as an ImageGenerator`, () => {
    let generator: ImageGenerator;
    let close: (() => Promise<void>) | undefined;

    beforeAll(async () => {
      ({ generator, close } = await create());
    });

    afterAll(() => close?.());

    it("names itself and its version", () => {
      expect(generator.version).toMatch(/^[^@]+@[^@]+$/);
    });

    it("makes as many images as were asked for, the same ones each time", async () => {
      const images = await generator.generate({ ...request, numImages: 2 });
      expect(images).toHaveLength(2);
      for (const { heightPixels, pixels, widthPixels } of images) {
        expect(pixels).toHaveLength(3 * widthPixels * heightPixels);
        expect(pixels.length).toBeGreaterThan(0);
      }
      expect(await generator.generate({ ...request, numImages: 2 })).toEqual(images);
    });

    it("leaves the request as it was", async () => {
      const given = structuredClone(request);
      await generator.generate(given);
      expect(given).toEqual(request);
    });

    it("makes nothing for a signal that is raised already", async () => {
      const signal = AbortSignal.abort();
      await expect(generator.generate({ ...request, seed: 77 }, { signal })).rejects.toThrow();
    });

    it("answers requests that come at once, each with its own images", async () => {
      const requests = [1, 2].map(seed => ({ ...request, seed }));
      const together = await Promise.all(requests.map(own => generator.generate(own)));
      for (const [at, own] of requests.entries()) {
        expect(together[at]).toEqual(await generator.generate(own));
      }
    });
  });
}
