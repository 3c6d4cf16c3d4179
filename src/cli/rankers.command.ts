/** @file `vitrine rankers`: the versions of the ranking model, which one serves, and going back. */
import { type Command } from "commander";
import { type CliContext } from "./cli-context.js";
import { versionsCommand } from "./versions-command.js";

/** A version's NDCG@10 on its held-out items, for people. */
function testNdcg(metrics: unknown): string {
  const { test } = (metrics ?? {}) as { test?: Record<string, number> }; // as training stored it
  return test?.["ndcg@10"]?.toFixed(4) ?? "-";
}

export function rankersCommand(context: CliContext): Command {
  return versionsCommand(context, {
    name: "rankers",
    descriptions: {
      versions: "versions of the ranking model",
      list: "newest first, with seed, data snapshot and NDCG@10 on the test part",
      activate: "serve this version",
      rollback: "serve the version that was active before",
    },
    find: ({ catalog }, page) => catalog.findRankingModelPage(page),
    registry: ({ rankers }) => rankers,
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
