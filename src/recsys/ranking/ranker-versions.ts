/** @file The versions of the ranking model: a new one serves unless it is worse, and all of them are read alike. */
import type { ArtefactStore } from "../../db/artefact-store.js";
import {
  type Damage,
  type Trainer,
  TrainedVersionService,
  type VersionRow,
  type VersionStore,
} from "../versions/trained-version.service.js";
import { activationOf, type TrainedVersion } from "./activation.js";
import { type LoadedRanker, loadRanker } from "./ranker-artefact.js";

interface Dependencies<Version extends VersionRow, Own> {
  versions: VersionStore<Version, Own>;
  trainer: Trainer<Own>;
  store: ArtefactStore;
  /** Called with every version loaded to serve. Default: none. */
  onLoaded?: (ranker: LoadedRanker) => void;
  /** See {@link TrainedVersionService}. */
  onDamaged?: (damage: Damage) => void;
  /** See {@link TrainedVersionService}. */
  nowMs?: () => number;
}

export function rankerVersions<Version extends VersionRow & TrainedVersion, Own>({
  onLoaded,
  ...parts
}: Dependencies<Version, Own>) {
  return new TrainedVersionService({
    ...parts,
    decide: activationOf,
    codes: { notFound: "MODEL_VERSION_NOT_FOUND", notReady: "RANKER_NOT_READY" },
    load: async artefactPath => {
      const ranker = await loadRanker(parts.store, artefactPath);
      onLoaded?.(ranker);
      return ranker;
    },
  });
}
