/**
 * @file `vitrine rerank`: generates pictures, computes item features from them, trains the ranking model again and
 * reports the effect.
 */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import { writeAtomically } from "../db/local-files.js";
import type { RerankReport } from "../recsys/lab/reranking/rerank-report.js";
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
  seeds?: number[];
  run?: string;
  activate?: boolean;
  output?: string;
  json?: boolean;
}

export function rerankCommand(context: CliContext): Command {
  return new Command("rerank")
    .description(
      "generate pictures, compute item features from them, and train the ranking model on these",
    )
    .option("--config <file>", "all options below and more, as JSON")
    .option("--users <number>", "number of shoppers to generate for (default all)", wholeNumber)
    .option(
      "--items <number>",
      "number of items to generate, most chosen first (default all)",
      wholeNumber,
    )
    .option("--images <number>", "pictures per item, each for another shopper", wholeNumber)
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
  items: numItems,
  images: imagesPerItem,
  protocol,
  seeds,
  users: numUsers,
}: Pick<Options, "items" | "images" | "protocol" | "seeds" | "users">): Record<string, unknown> {
  const all = {
    numItems,
    numUsers,
    imagesPerItem,
    protocol,
    seeds,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function described(report: RerankReport): string {
  const { arms, comparisons, drawnShare, numImages, protocol, versionId } = report;
  const figure = (value: number) => value.toFixed(4);
  const lines = [
    `${protocol}: ${numImages} pictures of ${(100 * drawnShare).toFixed(1)} % of the items; test, means over seeds, 95 % intervals over users`,
    ...arms.map(({ name, test }) =>
      [
        name.padEnd(6),
        ...Object.entries(test).map(
          ([metric, { interval, mean }]) =>
            `${metric} ${figure(mean)} [${interval.map(figure).join(", ")}]`,
        ),
      ].join("  "),
    ),
    ...Object.entries(comparisons).map(
      ([metric, { better, difference, interval, pValue, wilcoxonPValue, worse }]) =>
        `${metric}: ${better} over ${worse} by ${figure(difference)} [${interval.map(figure).join(", ")}], paired bootstrap p ${pValue.toFixed(3)}, Wilcoxon p ${wilcoxonPValue.toFixed(3)}`,
    ),
    versionId === null ? "the active version stays" : `version ${versionId} is active`,
  ];
  return lines.join("\n");
}
