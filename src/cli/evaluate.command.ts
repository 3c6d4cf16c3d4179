/** @file `vitrine evaluate`: rankers on held-out items, with intervals and paired tests. */
import { Command } from "commander";
import { AppError } from "../errors/app-error.js";
import { splitKinds } from "../recsys/datasets/prepared-data.js";
import {
  comparePairs,
  type Comparison,
  userInterval,
} from "../recsys/evaluation/compare-rankers.js";
import type { RankerEvaluation } from "../recsys/evaluation/evaluate-ranker.js";
import { figureText, intervalText, pValueText } from "../recsys/evaluation/figure-text.js";
import type { CliContext } from "./cli-context.js";
import { evaluateExperiment } from "./evaluate-experiment.js";
import { evaluateVersionsSince } from "./evaluate-since.js";
import {
  type EvaluatedRanker,
  type EvaluateOptions,
  evaluateSubjects,
} from "./evaluate-subjects.js";
import { isoTime, oneOf, positiveNumbers, wholeNumber } from "./option-values.js";

const parts = ["validation", "test"] as const;

interface EvaluateFlags extends EvaluateOptions {
  experiment?: string;
  since?: Date;
  out?: string;
  json?: boolean;
}

export function evaluateCommand(context: CliContext): Command {
  return new Command("evaluate")
    .description(
      "measure rankers on held-out items: versions by id (default: the active one) or configurations, trained first; " +
        "several are compared by paired tests, and refused if their held-out items differ",
    )
    .argument("[rankers...]", "ids of versions, or JSON files of `train ranker`")
    .option("--on <part>", "validation or test", oneOf(parts), "test")
    .option("--at <list>", "cut-offs", positiveNumbers, [10, 20])
    .option("--seed <number>", "of training, intervals and tests", wholeNumber, 1)
    .option("--data <folder>", "a prepared data set instead of the database")
    .option(
      "--split <kind>",
      `split of prepared data: ${splitKinds.join(", ")}`,
      oneOf(splitKinds),
      "official",
    )
    .option(
      "--experiment <file>",
      "rankers and seeds to run on prepared data; resumes an interrupted run",
    )
    .option(
      "--since <time>",
      "compare versions on what users chose from this time on and after their training; ISO 8601",
      isoTime,
    )
    .option("--out <file>", "file of an experiment's results (default: results/<name>.json)")
    .option("--json", "print one JSON line")
    .action(async (rankers: string[], { since, ...flags }: EvaluateFlags) => {
      if (since) {
        await compareSince(context, rankers, { ...flags, since });
        return;
      }
      await (flags.experiment === undefined
        ? evaluateRankers(context, rankers, flags)
        : evaluateExperiment(flags.experiment, flags, context.interruptible()));
    });
}

async function evaluateRankers(
  context: CliContext,
  rankers: readonly string[],
  flags: EvaluateFlags,
): Promise<void> {
  const { at, json, on, seed } = flags;
  const evaluated = await evaluateSubjects(context, rankers, flags);
  const models = evaluated.map(one => reportOf(one, at, seed));
  const metric = `ndcg@${at[0]}`;
  const comparisons = comparePairs(
    evaluated.map(({ evaluation, ranker: name }) => ({
      name,
      values: evaluation.byUser.map(own => own[metric]),
    })),
    seed,
  );
  if (json) {
    console.log(JSON.stringify({ on, seed, models, comparedBy: metric, comparisons }));
    return;
  }
  models.forEach(model => {
    console.log(described(model, on));
  });
  if (comparisons.length > 0) {
    console.log(comparisonTable(metric, comparisons));
  }
}

async function compareSince(
  context: CliContext,
  versionIds: readonly string[],
  { at, data, experiment, json, seed, since }: EvaluateFlags & { since: Date },
): Promise<void> {
  if (data !== undefined || experiment !== undefined) {
    const problem = "compares versions of the database: not with --data or --experiment";
    throw new AppError("INVALID_ARGUMENT", { argument: "--since", problem });
  }
  const evaluated = await evaluateVersionsSince(context, versionIds, { since, at });
  const { models, from, leftOut, ...counts } = evaluated;
  const metric = `ndcg@${at[0]}`;
  const comparisons = comparePairs(
    models.map(({ evaluation, ranker: name }) => ({
      name,
      values: evaluation.byUser.map(own => own[metric]),
    })),
    seed,
  );
  const reports = models.map(({ evaluation, ranker }) => figuresOf(ranker, evaluation, at, seed));
  if (json) {
    const about = { since, from, seed, ...counts, leftOut };
    console.log(JSON.stringify({ ...about, models: reports, comparedBy: metric, comparisons }));
    return;
  }
  const { newItems, unknownUsers } = leftOut;
  reports.forEach(report => {
    console.log(described(report, `choices since ${from.toISOString()}`));
  });
  console.log(
    `${counts.numInteractions} choices; left out: ${newItems} of items that a version does not rank, ` +
      `${unknownUsers} of users whom one cannot score`,
  );
  if (comparisons.length > 0) {
    console.log(comparisonTable(metric, comparisons));
  }
}

function reportOf(
  { evaluation, heldOut, ranker, ...about }: EvaluatedRanker,
  cutoffs: readonly number[],
  seed: number,
) {
  return {
    ...about,
    heldOutHash: heldOut.items,
    ...figuresOf(ranker, evaluation, cutoffs, seed),
  };
}

function figuresOf(
  ranker: string,
  { byUser, metrics, userIndices }: RankerEvaluation,
  cutoffs: readonly number[],
  seed: number,
) {
  const intervals = cutoffs
    .flatMap(k => [`recall@${k}`, `ndcg@${k}`])
    .map(metric => {
      const values = byUser.map(own => own[metric]);
      return [metric, userInterval({ name: ranker, values }, seed)] as const;
    });
  return {
    ranker,
    metrics,
    intervals: Object.fromEntries(intervals),
    numUsers: userIndices.length,
  };
}

function described(
  { ranker, metrics, intervals, numUsers }: ReturnType<typeof figuresOf>,
  on: string,
): string {
  const lines = Object.entries(metrics).map(([name, value]) => {
    const interval = name in intervals ? `  [${intervalText(intervals[name])}]` : "";
    return `  ${name.padEnd(16)} ${figureText(value)}${value === null ? "" : interval}`;
  });
  return [`${ranker} on ${on} (${numUsers} users)`, ...lines].join("\n");
}

function comparisonTable(metric: string, comparisons: readonly Comparison[]): string {
  return comparisons
    .map(({ better, worse, difference, interval, pValue, holmPValue, wilcoxonPValue }) =>
      [
        `${metric}: ${better} - ${worse} = ${figureText(difference)} [${intervalText(interval)}]`,
        `p ${pValueText(pValue)} (bootstrap)`,
        `${pValueText(holmPValue)} (Holm)`,
        `${pValueText(wilcoxonPValue)} (Wilcoxon)`,
      ].join(", "),
    )
    .join("\n");
}
