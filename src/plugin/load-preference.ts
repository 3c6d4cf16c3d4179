/** @file A trained version of the personalizer as it is in memory: P^gen of a pack of drawings, or a policy over settings of photographs. */
import { decodeFiles } from "../db/artefact-files.js";
import type { ArtefactStore } from "../db/artefact-store.js";
import { SettingPolicy } from "../ml/reflection/setting-policy.js";
import type { ModelPack } from "../ml/runtime/model-pack.js";
import { SETTING_FEATURES } from "../ml/studio/setting-menu.js";
import type { PersonalizerModel } from "../recsys/images/personalizer-model.js";
import { loadPersonalizer } from "./create-personalizer.js";

export type Preference = PersonalizerModel | SettingPolicy;

/** Runs with a version in memory. */
export type UsePreference = <Result>(
  run: (loaded: Preference) => Promise<Result>,
) => Promise<Result>;

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export function loadPreference(
  { pack, paintsSettings }: { pack: ModelPack; paintsSettings: boolean },
  store: ArtefactStore,
  artefactPath: string,
): Promise<Preference> {
  return paintsSettings
    ? decodeFiles(store, artefactPath, files => SettingPolicy.fromFiles(files, SETTING_FEATURES))
    : loadPersonalizer(pack, store, artefactPath);
}

export function disposePreference(loaded: Preference): void {
  if (!(loaded instanceof SettingPolicy)) {
    loaded.dispose();
  }
}

/** For a generator that paints settings: its versions are such policies. */
export function usedPolicy(use: UsePreference) {
  return <Result>(run: (policy: SettingPolicy) => Promise<Result>): Promise<Result> =>
    use(loaded => run(loaded as SettingPolicy));
}

/** For the other generators. */
export function usedModel(use: UsePreference) {
  return <Result>(run: (model: PersonalizerModel) => Promise<Result>): Promise<Result> =>
    use(loaded => run(loaded as PersonalizerModel));
}
