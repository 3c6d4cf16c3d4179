/**
 * @file A trained policy over settings (`ml/reflection/setting-policy.ts`) as a personalization method: of a menu of settings those
 * of the greatest expected gain, without drawing any of the others.
 *
 * Shapes: E width of CLIP's features.
 */
import { matrix, row } from "../../ml/nn/matrix.js";
import type { SettingPolicy } from "../../ml/reflection/setting-policy.js";
import { LOOK_VERSION } from "../../ml/studio/backdrop-look.js";
import { SETTING_FEATURES, settingFeatures, settingMenu } from "../../ml/studio/setting-menu.js";
import { encodeSetting, type Setting } from "../../ml/studio/setting.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "./personalization-method.js";
import { settingRandom } from "./setting-method.js";
import type { SettingTastes } from "./setting-tastes.js";

interface Dependencies {
  versionId: string;
  /** Runs with the version in memory, which stays there until the run ends. */
  use<Result>(run: (policy: SettingPolicy) => Promise<Result>): Promise<Result>;
  tastes: Pick<SettingTastes, "of">;
  /** Null: nobody is asked, and settings follow taste alone. */
  ranker: PictureRanker | null;
  /** Backdrops of the shop for SCENE. Default: none. */
  numScenes?: number;
}

/** Changes with the menu. */
const METHOD_VERSION = "1";

export class TrainedSettingMethod implements PersonalizationMethod {
  readonly id: string;
  readonly personalizerVersionId: string;

  constructor(private readonly deps: Dependencies) {
    this.personalizerVersionId = deps.versionId;
    this.id = `setting-policy@${METHOD_VERSION}.${LOOK_VERSION}+${deps.versionId}`;
  }

  async condition(
    contexts: readonly PersonalizationContext[],
    n: number,
    seeds: readonly number[],
  ): Promise<ImageCondition[]> {
    const { numScenes, ranker, tastes } = this.deps;
    const known = await tastes.of(contexts);
    return this.deps.use(policy =>
      Promise.all(
        contexts.map(async (context, at) => {
          const menu = settingMenu(known[at], settingRandom(seeds[at]), numScenes);
          const gains = await expectedGains(policy, ranker, context, menu);
          const settings = bestSettings(menu, gains, n);
          return { prompt: context.prompt, conditions: settings.map(encodeSetting) };
        }),
      ),
    );
  }
}

/** Of each setting of the menu; all 0 where the ranking model knows nothing of the user or the item. `[N]` */
export async function expectedGains(
  policy: SettingPolicy,
  ranker: PictureRanker | null,
  context: PersonalizationContext,
  menu: readonly Setting[],
): Promise<Float32Array> {
  const { itemId, referenceCaptionEmbedding, referenceImageEmbedding, userId } = context;
  const nothing = new Float32Array(menu.length);
  if (!referenceCaptionEmbedding || !referenceImageEmbedding || !ranker) {
    return nothing;
  }
  const reference = { caption: referenceCaptionEmbedding, image: referenceImageEmbedding };
  const gains = await policy.gains(reference, featuresOf(menu), async images => {
    const whatIf = await ranker.whatIf({ userId }, itemId, images);
    return (
      whatIf && {
        scores: whatIf.candidates.map(({ score }) => score),
        deviation: whatIf.scoreDeviation,
      }
    );
  });
  return gains ?? nothing;
}

/** Features of settings; `[N, K]`. */
export function featuresOf(settings: readonly Setting[]) {
  const features = matrix([settings.length, SETTING_FEATURES]);
  settings.forEach((setting, n) => {
    row(features, n).set(settingFeatures(setting));
  });
  return features;
}

/**
 * The `count` settings of the greatest gain, each of a colour of its own while there are any; of equal gains the earlier one, so that
 * without gains the menu's order stands.
 */
export function bestSettings(
  menu: readonly Setting[],
  gains: Float32Array,
  count: number,
): Setting[] {
  const order = [...menu.keys()].sort((a, b) => gains[b] - gains[a] || a - b);
  const seen = new Set<string>();
  const first: number[] = [];
  const later: number[] = [];
  for (const at of order) {
    const colour = menu[at].colour.map(value => value.toFixed(3)).join();
    (seen.has(colour) ? later : first).push(at);
    seen.add(colour);
  }
  const chosen = [...first, ...later];
  return Array.from({ length: count }, (_, n) => menu[chosen[n % chosen.length]]);
}
