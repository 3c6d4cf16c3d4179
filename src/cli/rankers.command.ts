/** @file `vitrine rankers`: lists, activates and rolls back versions of the ranking model. */
import { type Command } from "commander";
import type { MeanMetrics } from "../recsys/evaluation/evaluate-ranker.js";
import { figureText } from "../recsys/evaluation/figure-text.js";
import { imagesWarning } from "../recsys/ranking/image-ranking.js";
import { type CliContext } from "./cli-context.js";
import { versionsCommand } from "./versions-command.js";

/** A version's NDCG@10 on its held-out items, for people. */
function testNdcg(metrics: unknown): string {
  const { test } = (metrics ?? {}) as { test?: MeanMetrics }; // as training stored it
  return figureText(test?.["ndcg@10"]);
}

export function rankersCommand(context: CliContext): Command {
  return versionsCommand(context, {
    name: "rankers",
    descriptions: {
      versions: "versions of the ranking model",
      list: "newest first, with seed, data snapshot and NDCG@10 on the test part",
      activate: "serve this version",
      rollback: "serve the previously active version",
    },
    service: ({ rankers }) => rankers,
    warningOf: version => imagesWarning(version),
    columns: ({ algorithm, createdAt, dataHash, metrics, seed, state }) => [
      algorithm.padEnd(10),
      state.padEnd(8),
      createdAt.toISOString(),
      `seed ${seed}`,
      `data ${dataHash?.slice(0, 8) ?? "-"}`,
      `ndcg@10 ${testNdcg(metrics)}`,
    ],
  });
}
