/**
 * @file Settings of photographs as a personalization method: the backdrops of the retrieved items of a shopper's history give the mean
 * setting (`setting-tastes.ts`); the candidates are drawn around it.
 */
import { Random, seedFrom } from "../../ml/nn/random.js";
import { LOOK_VERSION } from "../../ml/studio/backdrop-look.js";
import { drawSettings } from "../../ml/studio/setting-draws.js";
import { encodeSetting } from "../../ml/studio/setting.js";
import type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "./personalization-method.js";
import type { SettingTastes } from "./setting-tastes.js";

interface Dependencies {
  tastes: Pick<SettingTastes, "of">;
  /** Backdrops of the shop for SCENE. Default: none. */
  numScenes?: number;
}

/** Changes with the draws. */
const METHOD_VERSION = "1";

/** The random numbers of an image's settings. */
export const settingRandom = (seed: number) => new Random(seedFrom("setting", seed));

export class SettingMethod implements PersonalizationMethod {
  readonly id = `setting@${METHOD_VERSION}.${LOOK_VERSION}`;

  constructor(private readonly deps: Dependencies) {}

  async condition(
    contexts: readonly PersonalizationContext[],
    n: number,
    seeds: readonly number[],
  ): Promise<ImageCondition[]> {
    const tastes = await this.deps.tastes.of(contexts);
    return contexts.map(({ prompt }, at) => {
      const settings = drawSettings(tastes[at], n, settingRandom(seeds[at]), this.deps.numScenes);
      return { prompt, conditions: settings.map(encodeSetting) };
    });
  }
}
