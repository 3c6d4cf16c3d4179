/** @file `vitrine evaluate --since`: versions of the database on what came after their training. */
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import type { RankerEvaluation } from "../recsys/evaluation/evaluate-ranker.js";
import {
  type DatedRanker,
  evaluateSince,
  type SinceEvaluation,
} from "../recsys/lab/rankers/evaluate-since.js";
import { loadRanker } from "../recsys/ranking/ranker-artefact.js";
import type { InteractionEntry } from "../recsys/ranking/ranking-dataset.js";
import type { CliContext } from "./cli-context.js";
import { withServices } from "./with-services.js";

export interface SinceReport extends Omit<SinceEvaluation, "evaluations"> {
  models: { ranker: string; evaluation: RankerEvaluation }[];
}

/** @throws AppError RANKER_NOT_TRAINED, MODEL_VERSION_NOT_FOUND, RANKER_NOT_READY, NOTHING_SINCE */
export function evaluateVersionsSince(
  context: CliContext,
  versionIds: readonly string[],
  { since, at }: { since: Date; at: readonly number[] },
): Promise<SinceReport> {
  return withServices(context, async (services, { config }) => {
    const versions = await readVersions(services, versionIds);
    const interactions: InteractionEntry[] = [];
    for await (const batch of services.interactionRows.streamAll()) {
      interactions.push(...batch);
    }
    const { feedback } = config;
    try {
      const { evaluations, ...report } = await evaluateSince(versions, interactions, {
        since,
        feedback,
        cutoffs: at,
      });
      const models = versions.map(({ name }, n) => ({ ranker: name, evaluation: evaluations[n] }));
      return { ...report, models };
    } finally {
      versions.forEach(({ ranker }) => {
        ranker.model.dispose();
      });
    }
  });
}

async function readVersions(
  { rankers, store }: Services,
  versionIds: readonly string[],
): Promise<DatedRanker[]> {
  const active = await rankers.activeVersionId();
  if (versionIds.length === 0 && active === null) {
    throw new AppError("RANKER_NOT_TRAINED");
  }
  const versions: DatedRanker[] = [];
  for (const name of versionIds.length > 0 ? versionIds : [active!]) {
    const { artefactPath, createdAt, state } = await rankers.find(name);
    if (artefactPath === null) {
      throw new AppError("RANKER_NOT_READY", { versionId: name, state });
    }
    const ranker = await loadRanker(store, artefactPath);
    // An older version does not say how new its data was, but none of it is newer than the version.
    versions.push({ name, ranker, trainedUntil: ranker.dataUntil ?? createdAt });
  }
  return versions;
}
