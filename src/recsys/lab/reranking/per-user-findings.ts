/** @file What the modes that re-rank users' first items report beside their arms. */
import type { SurrogateError } from "./image-surrogate.js";
import type { ChosenBlend } from "./user-signals.js";

/** A type and not an interface, so that it passes as JSON. */
export type PerUserFindings = Readonly<{
  surrogate: SurrogateError;
  /** Chosen on validation, for the images and for the catalogue images. */
  blend: ChosenBlend;
  blendOfOriginals: ChosenBlend;
  /** `tastes`: users of each taste; null in other modes. */
  tasteSizes: readonly number[] | null;
  /** Users whose order stays: nothing of theirs can be compared. */
  numUsersLeft: number;
  /** Candidates without an image, over the seeds; they stand at the mean of each signal. */
  numCandidatesWithoutImage: number;
}>;
