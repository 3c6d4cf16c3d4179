/** @file Services for whoever runs the shop: numbers, pictures, users, imports, results and models. */
import { bundledPackFolder, bundledPacks, type Config } from "../config/config.js";
import type { Database } from "../db/database.js";
import { ImportRunsRepository } from "../db/import-runs.repository.js";
import { OverviewRepository } from "../db/overview.repository.js";
import { UserRecordsRepository } from "../db/user-records.repository.js";
import { listPacks } from "../ml/packs/known-packs.js";
import { UserRecordsService } from "../recsys/access/user-records.service.js";
import { ImageRejectionService } from "../recsys/images/image-rejection.service.js";
import { ImportHistoryService } from "../recsys/import/import-history.service.js";
import { ResultFiles } from "../recsys/lab/experiments/result-files.js";
import { CompareVersionsService } from "../recsys/lab/rankers/compare-versions.service.js";
import type { Models } from "./create-models.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts extends Pick<Ranking, "rankers"> {
  storage: Storage;
  config: Pick<Config, "modelCache">;
  models: Pick<Models, "encoderId" | "pack">;
}

export function createAdmin({ pool, prisma }: Database, parts: Parts) {
  const { config, models, rankers, storage } = parts;
  const { rejections, store } = storage;
  const overview = new OverviewRepository(pool);
  const userList = new UserRecordsRepository(prisma);
  return {
    imageRejections: new ImageRejectionService({ rejections }),
    overview: { read: (since: Date) => overview.read(models.encoderId, since) },
    userList,
    userRecords: new UserRecordsService({ records: userList }),
    importHistory: new ImportHistoryService({ runs: new ImportRunsRepository(prisma), store }),
    resultFiles: new ResultFiles(store),
    packs: () =>
      listPacks({
        bundledFolders: bundledPacks.map(bundledPackFolder),
        cacheFolder: config.modelCache,
        usedFolder: models.pack.dir,
        catalogue: new Map(),
      }),
    versionComparison: new CompareVersionsService({ versions: rankers, store }),
  };
}
