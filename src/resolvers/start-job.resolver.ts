import { randomUUID } from "node:crypto";
import { Resolver } from "type-graphql";
import type { JobRow } from "../db/rows.js";
import { findSubfolder } from "../db/subfolder.js";
import { AppError } from "../errors/app-error.js";
import {
  StartImportInput,
  StartPersonalizerTrainingInput,
  StartRankerTrainingInput,
  StartRerankInput,
} from "../schema/admin.input.js";
import { Job } from "../schema/job.type.js";
import { Argument, MutationFor, OptionalArgument } from "./decorators.js";
import type { ApiServices } from "./services.js";

@Resolver()
export class StartJobResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "importsFolder"> & {
      jobs: Pick<ApiServices["jobs"], "request">;
    },
  ) {}

  @MutationFor(
    "ADMIN",
    Job,
    "Imports a catalogue from a folder on the server, or the bundled stickers. Returns the import of the same " +
      "source if one is queued or running. Fails with `INVALID_ARGUMENT` or `FILE_NOT_FOUND`.",
  )
  async startImport(
    @Argument("input", StartImportInput, "What to import.")
    { source, folder, seed }: StartImportInput,
  ): Promise<JobRow> {
    const path = source === "STICKERS" ? null : await this.importFolder(folder);
    return this.deps.jobs.request(
      "IMPORT",
      {
        source: source.toLowerCase() as Lowercase<typeof source>,
        folder: path,
        seed: seed ?? null,
      },
      { dedupeKey: `import:${source}:${path ?? ""}` },
    );
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Captions and embeds new and changed items, and updates the caption index.",
  )
  startIndexing(): Promise<JobRow> {
    return this.deps.jobs.request("INDEX", {}, { dedupeKey: "index" });
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Trains a new version of the ranking model on the imported and indexed data. The job's result has its id, its metrics and " +
      "`activation`: whether it serves, and the validation metrics behind that decision.",
  )
  startRankerTraining(
    @OptionalArgument("input", StartRankerTrainingInput, "Training options.")
    input?: StartRankerTrainingInput | null,
  ): Promise<JobRow> {
    const { config, seed, activate } = input ?? {};
    return this.deps.jobs.request("TRAIN_RANKER", {
      versionId: randomUUID(),
      seed: seed ?? 1,
      config: config ?? {},
      activate: activate ?? null,
    });
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Computes the missing rank changes of all personalised pictures by the active ranking model.",
  )
  startScoring(): Promise<JobRow> {
    return this.deps.jobs.request("SCORE_IMAGES", {}, { dedupeKey: "score" });
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Trains a new version of the personalizer, rewarded by the active ranking model's scores of its pictures.",
  )
  startPersonalizerTraining(
    @OptionalArgument("input", StartPersonalizerTrainingInput, "Training options.")
    input?: StartPersonalizerTrainingInput | null,
  ): Promise<JobRow> {
    const { config, seed, activate } = input ?? {};
    return this.deps.jobs.request("TRAIN_PERSONALIZER", {
      versionId: randomUUID(),
      seed: seed ?? 1,
      config: config ?? {},
      activate: activate ?? true,
    });
  }

  @MutationFor(
    "RECOMMENDER",
    Job,
    "Generates pictures of items for the shoppers who chose them, computes item features from them and trains the ranking " +
      "model again; the new version serves if it is better on the validation split, or if `activate` says so.",
  )
  startRerank(
    @OptionalArgument("input", StartRerankInput, "Re-ranking options.")
    input?: StartRerankInput | null,
  ): Promise<JobRow> {
    const { config, activate } = input ?? {};
    return this.deps.jobs.request(
      "RERANK",
      { runId: randomUUID(), config: config ?? {}, activate: activate ?? false },
      { dedupeKey: "rerank" },
    );
  }

  private async importFolder(folder: string | null | undefined): Promise<string> {
    if (!folder) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: "folder",
        problem: "is required for this source",
      });
    }
    const path = await findSubfolder(this.deps.importsFolder, folder);
    if (path === null) {
      throw new AppError("FILE_NOT_FOUND", { path: `imports/${folder}` });
    }
    return path;
  }
}
