/** @file Which version of the ranking model serves, and that version in memory. */
import { join } from "node:path";
import {
  type VersionRow,
  VersionRegistry,
  type VersionStore,
} from "../versions/version-registry.js";
import { type LoadedRanker, loadRanker } from "./ranker-artefact.js";

interface Dependencies<Version extends VersionRow> {
  versions: VersionStore<Version>;
  /** Folder of the installation, below which `artefactPath` lies. */
  home: string;
  /** Told of every version that is read into memory to serve. Default: nobody. */
  onLoaded?: (ranker: LoadedRanker) => void;
  /** See {@link VersionRegistry}. */
  maxAgeMs?: number;
  nowMs?: () => number;
}

export class RankerRegistry<Version extends VersionRow> extends VersionRegistry<
  Version,
  LoadedRanker
> {
  constructor({ home, onLoaded, ...deps }: Dependencies<Version>) {
    super({
      ...deps,
      codes: { notFound: "MODEL_VERSION_NOT_FOUND", notReady: "RANKER_NOT_READY" },
      load: async ({ id, artefactPath }) => {
        if (artefactPath === null) {
          throw new Error(`RankerRegistry: expected an artefact path of version ${id}, got none`);
        }
        const ranker = await loadRanker(join(home, artefactPath));
        onLoaded?.(ranker);
        return ranker;
      },
    });
  }
}
