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
    .option("--mode <name>", "retrain or perUser (default retrain)")
    .option("--depth <number>", "perUser: items of a shopper that are re-ranked", wholeNumber)
    .option(
      "--bank <number>",
      "perUser: pictures drawn, from which those that are not drawn are predicted",
      wholeNumber,
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
  protocol,
  seeds,
  users: numUsers,
}: Omit<Options, "activate" | "config" | "json" | "output" | "run">): Record<string, unknown> {
  const all = {
    mode,
    depth,
    numBankImages,
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
  const { arms, comparisons, comparisonsWithOriginals, numImages, perUser, protocol } = report;
  const share = (100 * report.drawnShare).toFixed(1);
  const drawn = perUser
    ? `${numImages} pictures drawn, ${perUser.numPredicted} predicted`
    : `${numImages} pictures of ${share} % of the items`;
  const lines = [
    `${report.config.mode}, ${protocol}: ${drawn}; test, means over seeds, 95 % intervals over users`,
    ...arms.map(({ name, test }) =>
      [
        name.padEnd(6),
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
    outcome(report),
  ];
  return lines.join("\n");
}

function foundPerUser({
  blend,
  blendOfOriginals,
  secondsPer1000Users,
  surrogate,
  ...found
}: PerUserFindings): string[] {
  const weights = ({ blend: chosen, validation: { after, before, pValue } }: ChosenBlend) => {
    const named = Object.entries(chosen).map(([name, weight]) => `${name} ${weight}`);
    return `${named.join(", ")} (ndcg@10 ${figure(before)} -> ${figure(after)}, p ${pValue.toFixed(3)})`;
  };
  return [
    `weights chosen on validation: ${weights(blend)}; of the catalogue images: ${weights(blendOfOriginals)}`,
    `predicted pictures: R² ${surrogate.rSquared.toFixed(3)}, cosine error ${surrogate.cosineError.toFixed(3)} on ${surrogate.numHeldOut} of other shoppers (catalogue image ${surrogate.cosineErrorOfOriginal.toFixed(3)})`,
    `${found.renderSeconds.toFixed(0)} s to draw, ${secondsPer1000Users.toFixed(1)} s to re-rank 1,000 shoppers; ${found.numUsersLeft} shoppers and ${found.numCandidatesWithoutImage} items without a picture keep their order`,
  ];
}

function outcome({ areListsKept, config: { mode }, versionId }: RerankReport): string {
  if (mode === "perUser") {
    return areListsKept
      ? "the re-ranked lists serve from now on"
      : "not better on validation beyond chance: nothing changes";
  }
  return versionId === null ? "the active version stays" : `version ${versionId} is active`;
}
