/**
 * @file Whether pictures may be shown to anybody, whatever their quality: what a host may replace.
 *
 * The default moderates nothing: a shop that sells what its pack was made to draw needs no more than the quality gate.
 */
import { type RgbImage } from "../nn/rgb-image.js";

export interface ModerationStrategy {
  /**
   * Its own name and all that changes what it lets through. Pictures that another strategy let through are made again; the
   * empty name is that of none.
   */
  readonly name: string;
  /** For each picture why it may not be shown, such as `UNSAFE`; empty where it may. */
  faultsOf(images: readonly RgbImage[]): Promise<string[][]>;
  dispose(): Promise<void>;
}

/** Lets every picture through. */
export const noModeration: ModerationStrategy = {
  name: "",
  faultsOf: async images => images.map(() => []),
  dispose: async () => undefined,
};
