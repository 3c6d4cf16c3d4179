/**
 * @file The interface of moderation, which a host can replace: may an image be shown at all, whatever its quality?
 *
 * The default moderates nothing: a shop that sells what its pack was trained to generate needs only the quality gate.
 */
import { type RgbImage } from "../nn/rgb-image.js";

export interface ModerationStrategy {
  /**
   * Names the strategy and every setting that changes its verdicts. Images that passed another strategy are generated
   * again; the empty name means no moderation.
   */
  readonly name: string;
  /** For each image the reasons to refuse it, such as `UNSAFE`; empty when it may be shown. */
  faultsOf(images: readonly RgbImage[]): Promise<string[][]>;
  dispose(): Promise<void>;
}

/** Accepts every image. */
export const noModeration: ModerationStrategy = {
  name: "",
  faultsOf: async images => images.map(() => []),
  dispose: async () => undefined,
};
