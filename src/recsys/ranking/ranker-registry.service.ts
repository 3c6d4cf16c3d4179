/** @file The active version of the ranking model, and its model in memory. */
import type { ArtefactStore } from "../../db/artefact-store.js";
import {
  type VersionRow,
  VersionRegistry,
  type VersionStore,
} from "../versions/version-registry.js";
import { type LoadedRanker, loadRanker } from "./ranker-artefact.js";

interface Dependencies<Version extends VersionRow> {
  versions: VersionStore<Version>;
  /** Has the files of a version below its `artefactPath`. */
  store: ArtefactStore;
  /** Called with every version loaded to serve. Default: none. */
  onLoaded?: (ranker: LoadedRanker) => void;
  /** See {@link VersionRegistry}. */
  maxAgeMs?: number;
  nowMs?: () => number;
}

export class RankerRegistry<Version extends VersionRow> extends VersionRegistry<
  Version,
  LoadedRanker
> {
  constructor({ store, onLoaded, ...deps }: Dependencies<Version>) {
    super({
      ...deps,
      codes: { notFound: "MODEL_VERSION_NOT_FOUND", notReady: "RANKER_NOT_READY" },
      load: async ({ id, artefactPath }) => {
        if (artefactPath === null) {
          throw new Error(`RankerRegistry: expected an artefact path of version ${id}, got none`);
        }
        const ranker = await loadRanker(store, artefactPath);
        onLoaded?.(ranker);
        return ranker;
      },
    });
  }
}
