import { randomUUID } from "node:crypto";
import { Arg, Authorized, Mutation, Resolver } from "type-graphql";
import type { JobRow } from "../db/rows.js";
import { findSubfolder } from "../db/subfolder.js";
import { AppError } from "../errors/app-error.js";
import { StartImportInput, StartRankerTrainingInput } from "../schema/admin.input.js";
import { Job } from "../schema/job.type.js";
import type { ApiServices } from "./services.js";

/** What the handlers of jobs started here are told. */
export interface StartedJobPayloads {
  IMPORT: {
    source: "stickers" | "movielens" | "catalogue";
    /** Absolute path; null for the stickers. */
    folder: string | null;
    seed: number | null;
  };
  INDEX: Record<string, never>;
  TRAIN_RANKER: {
    versionId: string;
    seed: number;
    config: Record<string, unknown>;
    activate: boolean;
  };
  RERANK: Record<string, never>;
}

@Resolver()
export class StartJobResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "importsFolder"> & {
      jobs: Pick<ApiServices["jobs"], "request">;
    },
  ) {}

  @Authorized("ADMIN")
  @Mutation(() => Job, {
    description:
      "Imports a catalogue from a folder that was put on the server, or the bundled stickers. An import of the same " +
      "source that is queued or running is returned instead. Fails with `INVALID_ARGUMENT` or `FILE_NOT_FOUND`.",
  })
  async startImport(
    @Arg("input", () => StartImportInput, { description: "What to import." })
    { source, folder, seed }: StartImportInput,
  ): Promise<JobRow> {
    const path = source === "STICKERS" ? null : await this.importFolder(folder);
    return this.start(
      "IMPORT",
      {
        source: source.toLowerCase() as Lowercase<typeof source>,
        folder: path,
        seed: seed ?? null,
      },
      `import:${source}:${path ?? ""}`,
    );
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => Job, {
    description: "Captions and embeds what is new or changed, and updates the caption index.",
  })
  startIndexing(): Promise<JobRow> {
    return this.start("INDEX", {}, "index");
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => Job, {
    description: "Trains a new version of the ranking model on what is imported and indexed.",
  })
  startRankerTraining(
    @Arg("input", () => StartRankerTrainingInput, {
      nullable: true,
      description: "How to train; default as documented.",
    })
    input?: StartRankerTrainingInput | null,
  ): Promise<JobRow> {
    const { config, seed, activate } = input ?? {};
    return this.start("TRAIN_RANKER", {
      versionId: randomUUID(),
      seed: seed ?? 1,
      config: config ?? {},
      activate: activate ?? true,
    });
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => Job, {
    description:
      "Computes the rank changes of all personalised pictures by the active ranking model, where they are missing.",
  })
  startRerank(): Promise<JobRow> {
    return this.start("RERANK", {}, "rerank");
  }

  private start<Kind extends keyof StartedJobPayloads>(
    kind: Kind,
    payload: StartedJobPayloads[Kind],
    dedupeKey?: string,
  ): Promise<JobRow> {
    return this.deps.jobs.request(kind, payload, { dedupeKey });
  }

  private async importFolder(folder: string | null | undefined): Promise<string> {
    if (!folder) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: "folder",
        problem: "is needed for this source",
      });
    }
    const path = await findSubfolder(this.deps.importsFolder, folder);
    if (path === null) {
      throw new AppError("FILE_NOT_FOUND", { path: `imports/${folder}` });
    }
    return path;
  }
}
