/** @file Which version of the ranking model serves, and that version in memory. */
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
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
  /** See {@link VersionRegistry}. */
  maxAgeMs?: number;
  nowMs?: () => number;
}

export class RankerRegistry<Version extends VersionRow> extends VersionRegistry<
  Version,
  LoadedRanker
> {
  private readonly versions: Pick<VersionStore<Version>, "findById">;

  constructor({ home, ...deps }: Dependencies<Version>) {
    super({
      ...deps,
      codes: { notFound: "MODEL_VERSION_NOT_FOUND", notReady: "RANKER_NOT_READY" },
      load: async ({ id, artefactPath }) => {
        if (artefactPath === null) {
          throw new Error(`RankerRegistry: expected an artefact path of version ${id}, got none`);
        }
        return loadRanker(join(home, artefactPath));
      },
    });
    this.versions = deps.versions;
  }

  /** @throws AppError MODEL_VERSION_NOT_FOUND */
  async find(versionId: string): Promise<Version> {
    const version = z.uuid().safeParse(versionId).success
      ? await this.versions.findById(versionId)
      : null;
    if (!version) {
      throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId });
    }
    return version;
  }
}
