/** @file What the mode `perUser` of a re-ranking reports beside its arms. */
import type { SurrogateError } from "./image-surrogate.js";
import type { ChosenBlend } from "./user-signals.js";

/** A type and not an interface, so that it passes as JSON. */
export type PerUserFindings = Readonly<{
  surrogate: SurrogateError;
  /** Chosen on validation, for the images and for the catalogue images. */
  blend: ChosenBlend;
  blendOfOriginals: ChosenBlend;
  /** Users whose order stays: nothing of theirs can be compared. */
  numUsersLeft: number;
  /** Candidates without an image, over the seeds; they stand at the mean of each signal. */
  numCandidatesWithoutImage: number;
  /** Images drawn, and predictions in place of images, over the seeds. */
  numDrawn: number;
  numPredicted: number;
  /** Of drawing, where the images were not kept from an earlier run. */
  renderSeconds: number;
  /** Of predicting and re-ranking, scaled to 1,000 users. */
  secondsPer1000Users: number;
}>;
