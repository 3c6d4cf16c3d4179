/** @file The bundled base models, for tests that need real ones. */
import { existsSync } from "node:fs";

/** `models/mini`, or another pack named by `VITRINE_TEST_PACK`. */
export const miniPackDir = process.env.VITRINE_TEST_PACK ?? "models/mini";

/** `describe`, skipped with a reason where the pack is absent. */
export function describeWithMiniPack(name: string, tests: () => void): void {
  if (existsSync(`${miniPackDir}/model_index.json`)) {
    describe(name, tests);
  } else {
    describe.skip(`${name} (there is no model pack at ${miniPackDir})`, tests);
  }
}
