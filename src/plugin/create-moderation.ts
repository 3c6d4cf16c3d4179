/** @file The moderation of the configuration. */
import type { Config } from "../config/config.js";
import { AppError } from "../errors/app-error.js";
import { type ModerationStrategy, noModeration } from "../ml/moderation/moderation-strategy.js";
import { hasNsfwjs, NsfwjsModeration, nsfwjsName } from "../ml/moderation/nsfwjs-moderation.js";
import { lazy } from "./lazy.js";

/**
 * Loads its model with the first picture; that it can be loaded at all is looked at now.
 *
 * @throws AppError `MODERATION_UNAVAILABLE`
 */
export function createModeration({ moderation }: Pick<Config, "moderation">): ModerationStrategy {
  switch (moderation) {
    case "none":
      return noModeration;
    case "nsfwjs":
      return createNsfwjsModeration();
  }
}

function createNsfwjsModeration(): ModerationStrategy {
  if (!hasNsfwjs()) {
    throw new AppError("MODERATION_UNAVAILABLE", { package: "nsfwjs", reason: "not installed" });
  }
  const loaded = lazy(() => NsfwjsModeration.load());
  return {
    name: nsfwjsName(),
    faultsOf: async images => (await loaded()).faultsOf(images),
    dispose: async () => (await loaded.peek())?.dispose(),
  };
}
