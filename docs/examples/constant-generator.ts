/** An `ImageGenerator` that draws one grey image for every request. Give it to `createPlugin` as `generator`. */
import type { ImageGenerator } from "vitrine";

export function createConstantGenerator(grey = 128, sidePixels = 128): ImageGenerator {
  return {
    version: `constant@${grey}-${sidePixels}`,
    generate: async ({ numImages }, { signal, onProgress } = {}) => {
      signal?.throwIfAborted();
      onProgress?.({ step: 1, numSteps: 1 });
      return Array.from({ length: numImages }, () => ({
        widthPixels: sidePixels,
        heightPixels: sidePixels,
        pixels: new Uint8Array(3 * sidePixels * sidePixels).fill(grey),
      }));
    },
  };
}
