/** @file An experiment's results as Markdown. */
import { figureText, pValueText } from "../../evaluation/figure-text.js";
import type { ExperimentSummary, RankerSummary } from "./ranker-experiment.js";

const columns: readonly [string, (ranker: RankerSummary) => string][] = [
  ["ranker", ({ ranker }) => ranker],
  ["seeds", ({ numSeeds }) => String(numSeeds)],
  ["Recall@10", ({ recall10 }) => withInterval(recall10)],
  ["NDCG@10", ({ ndcg10 }) => withInterval(ndcg10)],
  ["± seeds", ({ ndcg10 }) => figureText(ndcg10.seedDeviation)],
  ["Recall@20", ({ test }) => figureText(test["recall@20"])],
  ["NDCG@20", ({ test }) => figureText(test["ndcg@20"])],
  ["MRR@10", ({ test }) => figureText(test["mrr@10"])],
  ["Coverage@10", ({ test }) => figureText(test["coverage@10"], 3)],
  ["Gini@10", ({ test }) => figureText(test["gini@10"], 3)],
  ["Novelty@10, bits", ({ test }) => figureText(test["novelty@10"], 2)],
  ["s / epoch", ({ epochSeconds }) => epochSeconds.toFixed(2)],
];

/** Two tables: the rankers, and every pair of them. */
export function experimentTable({ rankers, comparisons }: ExperimentSummary): string {
  const pairs = comparisons.map(pair => [
    `${pair.better} - ${pair.worse}`,
    `${pair.difference.toFixed(4)} [${interval(pair.interval)}]`,
    pair.pValue.toFixed(4),
    pair.holmPValue.toFixed(4),
    pValueText(pair.wilcoxonPValue),
  ]);
  return [
    table(
      columns.map(([name]) => name),
      rankers.map(ranker => columns.map(([, cell]) => cell(ranker))),
    ),
    table(["NDCG@10", "difference", "p (bootstrap)", "p (Holm)", "p (Wilcoxon)"], pairs),
  ].join("\n\n");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function withInterval({ mean, interval: ends }: RankerSummary["ndcg10"]): string {
  return ends ? `${figureText(mean)} [${interval(ends)}]` : figureText(mean);
}

function interval(ends: readonly [number, number]): string {
  return ends.map(end => end.toFixed(4)).join(", ");
}
