/** @file The pack with the mask network, for tests: `models/studio`, or `VITRINE_TEST_STUDIO`, or the shared weights. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const shared = resolve(import.meta.dirname, "../../../../../shared/weights/studio/u2netp.onnx");
const path = [
  `${process.env.VITRINE_TEST_STUDIO ?? "models/studio"}/subject_mask/model.onnx`,
  shared,
].find(existsSync);

/** What `SubjectMasker.load` reads of a pack; null where the network is absent. */
export const maskPack = path ? { path: () => path, versionOf: () => "test" } : null;

/** `it`, skipped with a message where the network is absent. */
export const itWithNet = maskPack ? it : it.skip;
if (!maskPack) {
  console.warn("models/studio is absent: tests of the mask network are skipped");
}
