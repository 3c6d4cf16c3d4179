/** @file Compares two stored versions of the ranking model on the same held-out items, as `vitrine evaluate` does. */
import pLimit from "p-limit";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import type { RankingModelVersionRow } from "../../../db/rows.js";
import { AppError } from "../../../errors/app-error.js";
import type { Interval } from "../../../ml/metrics/bootstrap.js";
import { type Comparison, comparePairs, userInterval } from "../../evaluation/compare-rankers.js";
import { assertComparable, type HeldOut, heldOutOf } from "../../evaluation/held-out.js";
import { type HeldOutRanker, loadHeldOut } from "../../ranking/ranker-artefact.js";
import { evaluatePart } from "./fit-and-evaluate.js";

/** The tested metric; its cut-off is the first that is evaluated. */
const METRIC = "ndcg@10";
const CUTOFFS = [10, 20];

/** One version's figures, means over users. */
export interface ComparedVersion {
  versionId: string;
  metrics: Record<string, number | null>;
  /** 95 % interval of the tested metric. */
  interval: Interval | null;
}

export interface VersionComparison {
  metric: string;
  numUsers: number;
  /** In the order asked for. */
  versions: ComparedVersion[];
  /** Null without users. */
  test: Comparison | null;
}

interface Dependencies {
  versions: { find(versionId: string): Promise<RankingModelVersionRow> };
  store: ArtefactStore;
}

export interface CompareOptions {
  on: "validation" | "test";
  /** Of intervals and tests. */
  seed: number;
}

export class CompareVersionsService {
  /** A comparison ranks the whole catalogue for every user, so they take turns. */
  private readonly turns = pLimit(1);

  constructor(private readonly deps: Dependencies) {}

  /**
   * @throws AppError `MODEL_VERSION_NOT_FOUND`, `RANKER_NOT_READY`, `RANKER_DATA_CHANGED` for a version of an earlier release,
   *   which did not keep its split; `NOT_COMPARABLE`
   */
  compare(first: string, second: string, options: CompareOptions): Promise<VersionComparison> {
    return this.turns(async () => {
      const loaded: HeldOutRanker[] = [];
      try {
        for (const versionId of [first, second]) {
          loaded.push(await this.load(versionId));
        }
        assertComparable(
          loaded.map(one => ({ name: one.ranker.versionId, heldOut: questionOf(one, options) })),
        );
        const values = [await measure(loaded[0], options), await measure(loaded[1], options)];
        return comparisonOf([first, second], values, options);
      } finally {
        loaded.forEach(({ ranker }) => {
          ranker.model.dispose();
        });
      }
    });
  }

  private async load(versionId: string): Promise<HeldOutRanker> {
    const { store, versions } = this.deps;
    const { artefactPath, state } = await versions.find(versionId);
    if (artefactPath === null) {
      throw new AppError("RANKER_NOT_READY", { versionId, state });
    }
    return loadHeldOut(store, artefactPath);
  }
}

/** @throws AppError `RANKER_DATA_CHANGED` */
function splitOf({ ranker, split }: HeldOutRanker) {
  if (!split) {
    throw new AppError("RANKER_DATA_CHANGED", { versionId: ranker.versionId });
  }
  return split;
}

function questionOf(loaded: HeldOutRanker, { on }: CompareOptions): HeldOut {
  const { itemIds, userIndexOf } = loaded.ranker;
  return heldOutOf({ userIds: [...userIndexOf.keys()], itemIds }, splitOf(loaded), on);
}

interface Measured {
  metrics: Record<string, number | null>;
  /** By user id. */
  byUser: ReadonlyMap<string, number>;
}

async function measure(loaded: HeldOutRanker, { on }: CompareOptions): Promise<Measured> {
  const { itemIds, model, userIndexOf } = loaded.ranker;
  const view = { split: splitOf(loaded), part: on, numItems: itemIds.length };
  const evaluation = await evaluatePart(model, view, { cutoffs: CUTOFFS });
  const userIds = [...userIndexOf.keys()];
  const values = evaluation.userIndices.map((user, place): [string, number] => [
    userIds[user],
    evaluation.byUser[place][METRIC],
  ]);
  return { metrics: evaluation.metrics, byUser: new Map(values) };
}

function comparisonOf(
  versionIds: readonly string[],
  measured: readonly Measured[],
  { seed }: CompareOptions,
): VersionComparison {
  const users = [...measured[0].byUser.keys()].sort(); // the same in both: asserted above
  const models = measured.map(({ byUser }, place) => ({
    name: versionIds[place],
    values: users.map(user => byUser.get(user)!),
  }));
  const [test = null] = comparePairs(models, seed);
  return {
    metric: METRIC,
    numUsers: users.length,
    versions: models.map((model, place) => ({
      versionId: model.name,
      metrics: measured[place].metrics,
      interval: userInterval(model, seed),
    })),
    test,
  };
}
