/**
 * @file `vitrine rerank`: generates pictures, feeds them back into the ranking, as item features of a new training or to re-rank
 * each user's first items, and reports the effect.
 */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import { writeAtomically } from "../db/local-files.js";
import type { Comparison } from "../recsys/evaluation/compare-rankers.js";
import type { PerUserFindings } from "../recsys/lab/reranking/per-user-findings.js";
import type { RerankReport } from "../recsys/lab/reranking/rerank-report.js";
import type { ChosenBlend } from "../recsys/lab/reranking/user-signals.js";
import { type CliContext } from "./cli-context.js";
import { readConfigFile } from "./json-file.js";
import { uuid, wholeNumber, wholeNumbers } from "./option-values.js";
import { prepareOutput } from "./output-file.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface Options {
  config?: string;
  users?: number;
  items?: number;
  images?: number;
  protocol?: string;
  mode?: string;
  depth?: number;
  bank?: number;
  tastes?: number;
  permuteLabels?: boolean;
  seeds?: number[];
  run?: string;
  activate?: boolean;
  output?: string;
  json?: boolean;
}

export function rerankCommand(context: CliContext): Command {
  return new Command("rerank")
    .description(
      "generate pictures and feed them back into the ranking: train the ranking model on them, or re-rank each shopper's first items by them",
    )
    .option("--config <file>", "all options below and more, as JSON")
    .option("--users <number>", "number of shoppers to generate for (default all)", wholeNumber)
    .option(
      "--items <number>",
      "number of items to generate, most chosen first (default all)",
      wholeNumber,
    )
    .option("--images <number>", "pictures per item, each for another shopper", wholeNumber)
    .option(
      "--mode <name>",
      "retrain: pictures become item features; perUser: re-rank by a shopper's pictures; augment: also train on them; tastes: one picture for an item and a group of shoppers (default retrain)",
    )
    .option(
      "--depth <number>",
      "items of a shopper that are re-ranked; not for retrain",
      wholeNumber,
    )
    .option(
      "--bank <number>",
      "pictures drawn, from which those that are not drawn are predicted; not for retrain",
      wholeNumber,
    )
    .option("--tastes <number>", "tastes: groups of shoppers (default 4)", wholeNumber)
    .option(
      "--permute-labels",
      "a test: give each shopper another one's held-out items; what is gained then is leaked, or chance",
    )
    .option("--protocol <name>", "leakFree or paper")
    .option("--seeds <list>", "seeds of the ranking models, such as 1,2,3", wholeNumbers)
    .option("--run <id>", "UUID of the run; repeating it writes the same report and version", uuid)
    .option(
      "--activate",
      "activate the new version even if it is not better on the validation split",
    )
    .option("--output <file>", "write the report as JSON")
    .option("--json", "print one JSON line")
    .action(async ({ activate = false, config, json, output, run, ...options }: Options) => {
      const given = await readConfigFile(config);
      if (output !== undefined) {
        await prepareOutput("--output", output);
      }
      const request = {
        runId: run ?? randomUUID(),
        config: { ...given, ...named(options) },
        activate,
      };
      const report = await withServices(context, ({ reranking }, { signal }) =>
        withProgress("rerank", onProgress => reranking.run(request, { signal, onProgress })),
      );
      if (output !== undefined) {
        await writeAtomically(output, `${JSON.stringify(report, null, 2)}\n`);
      }
      console.log(json ? JSON.stringify(report) : described(report));
    });
}

/** The given options by their names in the configuration. */
function named({
  bank: numBankImages,
  depth,
  items: numItems,
  images: imagesPerItem,
  mode,
  permuteLabels,
  protocol,
  seeds,
  tastes: numTastes,
  users: numUsers,
}: Omit<Options, "activate" | "config" | "json" | "output" | "run">): Record<string, unknown> {
  const all = {
    mode,
    depth,
    numBankImages,
    numTastes,
    permuteLabels,
    numItems,
    numUsers,
    imagesPerItem,
    protocol,
    seeds,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const figure = (value: number) => value.toFixed(4);

function described(report: RerankReport): string {
  const { arms, comparisons, comparisonsWithOriginals, cost, numImages, perUser, protocol } =
    report;
  const share = (100 * report.drawnShare).toFixed(1);
  const drawn = perUser
    ? `${numImages} pictures drawn, ${cost.numPredicted} predicted`
    : `${numImages} pictures of ${share} % of the items`;
  const lines = [
    `${report.config.mode}, ${protocol}${report.config.permuteLabels ? ", permuted labels" : ""}: ${drawn}; test, means over seeds, 95 % intervals over users`,
    ...arms.map(({ name, test }) =>
      [
        name.padEnd(7),
        ...Object.entries(test).map(
          ([metric, { interval, mean }]) =>
            `${metric} ${figure(mean)} [${interval.map(figure).join(", ")}]`,
        ),
      ].join("  "),
    ),
    ...[comparisons, comparisonsWithOriginals ?? {}]
      .flatMap(Object.entries<Comparison>)
      .map(
        ([metric, { better, difference, interval, pValue, wilcoxonPValue, worse }]) =>
          `${metric}: ${better} over ${worse} by ${figure(difference)} [${interval.map(figure).join(", ")}], paired bootstrap p ${pValue.toFixed(3)}, Wilcoxon p ${wilcoxonPValue.toFixed(3)}`,
      ),
    ...(perUser ? foundPerUser(perUser) : []),
    costs(report),
    outcome(report),
  ];
  return lines.join("\n");
}

function foundPerUser({
  blend,
  blendOfOriginals,
  surrogate,
  tasteSizes,
  ...found
}: PerUserFindings): string[] {
  const weights = ({ blend: chosen, validation: { after, before, pValue } }: ChosenBlend) => {
    const named = Object.entries(chosen).map(([name, weight]) => `${name} ${weight}`);
    return `${named.join(", ")} (ndcg@10 ${figure(before)} -> ${figure(after)}, p ${pValue.toFixed(3)})`;
  };
  return [
    `weights chosen on validation: ${weights(blend)}; of the catalogue images: ${weights(blendOfOriginals)}`,
    `predicted pictures: R² ${surrogate.rSquared.toFixed(3)}, cosine error ${surrogate.cosineError.toFixed(3)} on ${surrogate.numHeldOut} of other shoppers (catalogue image ${surrogate.cosineErrorOfOriginal.toFixed(3)})`,
    `${found.numUsersLeft} shoppers and ${found.numCandidatesWithoutImage} items without a picture keep their order`,
    ...(tasteSizes ? [`shoppers of each taste: ${tasteSizes.join(", ")}`] : []),
  ];
}

function costs({ config: { seeds }, cost }: RerankReport): string {
  const { numDrawn, numPredictedPer1000Users, renderSeconds, secondsPer1000Users, trainSeconds } =
    cost;
  const rerank =
    secondsPer1000Users === null
      ? "shoppers are ranked by the model alone, without further pictures"
      : `${secondsPer1000Users.toFixed(1)} s and ${numPredictedPer1000Users} predicted pictures to re-rank 1,000 shoppers`;
  return `cost: ${numDrawn} pictures drawn in ${renderSeconds.toFixed(0)} s, models of ${seeds.length} seeds in ${trainSeconds.toFixed(0)} s (less what was kept); ${rerank}`;
}

function outcome({
  areListsKept,
  config: { mode, permuteLabels },
  versionId,
}: RerankReport): string {
  if (permuteLabels) {
    return "a test with permuted labels: nothing changes";
  }
  if (mode === "perUser") {
    return areListsKept
      ? "the re-ranked lists serve from now on"
      : "not better on validation beyond chance: nothing changes";
  }
  return versionId === null ? "the active version stays" : `version ${versionId} is active`;
}
