import type { Checkpoint } from "../../src/ml/ranking/recommender.js";

/** A checkpoint that outlives models, but not the test. */
export function memoryCheckpoint(
  every: Pick<Checkpoint, "everyEpochs" | "everyMinutes"> = {},
): Checkpoint {
  let bytes: Uint8Array | null = null;
  return {
    ...every,
    name: "checkpoint.safetensors",
    read: async () => bytes,
    write: async given => {
      bytes = given;
    },
  };
}
