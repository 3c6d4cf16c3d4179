/** @file `vitrine photos measure`: personalised photographs on simulated shoppers, their table and their results file. */
import { join } from "node:path";
import { Command } from "commander";
import { resizeForServing } from "../db/image-codec.js";
import { writeAtomically } from "../db/local-files.js";
import { type PhotoShopName, photoShopNames } from "../recsys/datasets/photo-shops.js";
import { mixture, PhotosSource } from "../recsys/datasets/photos.js";
import { contactSheet } from "../recsys/lab/packs/contact-sheet.js";
import type { PhotoOutcome } from "../recsys/lab/studio/photo-trial.js";
import { summarizeTrial, type TrialSummary } from "../recsys/lab/studio/summarize-trial.js";
import { inTurns, populationHistory, trialPairs } from "../recsys/lab/studio/trial-pairs.js";
import type { CliContext } from "./cli-context.js";
import { commitOf } from "./commit.js";
import { oneOf, wholeNumber } from "./option-values.js";
import { prepareOutput } from "./output-file.js";
import {
  chosenShops,
  forPhotographs,
  type ShopFolders,
  withShopOptions,
} from "./photo-shop-options.js";
import { prepareShop } from "./prepare-shop.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface Flags extends ShopFolders {
  count: number;
  products: number;
  users: number;
  candidates: number;
  output: string;
  worst?: string;
  worstShop?: PhotoShopName;
  json?: boolean;
}

/** Pairs of the sheet, in so many columns, each image of so many pixels a side. */
const NUM_WORST = 40;
const WORST_SHEET = { columns: 10, side: 150 };
const RANKER_VERSION_ID = "00000000-0000-4000-8002-000000000001";

export function photosMeasureCommand(context: CliContext): Command {
  const command = new Command("measure")
    .description(
      "give simulated shoppers one personalised photograph each, and measure how true it is and how far the product climbs; " +
        "resumes an interrupted run. Use an empty VITRINE_HOME",
    )
    .option("--count <number>", "photographs of each shop to personalise", wholeNumber, 200)
    .option("--products <number>", "products of each shop in the catalogue", wholeNumber, 400)
    .option("--users <number>", "simulated shoppers", wholeNumber, 400)
    .option("--candidates <number>", "candidates of each image, 1 to 8", wholeNumber, 3)
    .option("--output <file>", "file of the results", join("results", "studio.json"))
    .option("--worst <file>", `a JPEG of the ${NUM_WORST} least true images beside their originals`)
    .option(
      "--worst-shop <name>",
      "only images of this shop on that sheet, where others may not be published (default: all)",
      oneOf(photoShopNames),
    )
    .option("--json", "print one JSON line");
  return withShopOptions(command).action(flags => measure(context, flags as Flags)); // as commander parses them
}

async function measure(context: CliContext, flags: Flags): Promise<void> {
  const { candidates: numCandidates, count, json, output, products: limit, users } = flags;
  const { worst, worstShop } = flags;
  const shops = chosenShops(flags, limit);
  const source = new PhotosSource({ shops, users: { numUsers: users } });
  await prepareOutput("--output", output);
  if (worst !== undefined) {
    await prepareOutput("--worst", worst);
  }
  const startMs = performance.now();
  const own: CliContext = { ...context, open: () => context.open(forPhotographs) };
  const text = await withServices(own, async (services, { signal }) => {
    const shop = { source, rankerVersionId: RANKER_VERSION_ID };
    await prepareShop(services, shop, signal);
    const likes = await source.likes();
    const sampled = (await source.products()).filter(isIn(await source.products(), count));
    const pairs = trialPairs(inTurns(sampled), likes);
    const about = {
      command: commandText(flags),
      commit: await commitOf(),
      generator: services.models.generator.version,
      clip: services.models.encoderId,
      shoppers: "simulated: see src/recsys/datasets/photo-users.ts",
    };
    /** Written after each checkpoint, so that an interrupted run keeps its results. */
    const onOutcomes = async (outcomes: readonly PhotoOutcome[]) => {
      const result = {
        ...about,
        isComplete: outcomes.length === pairs.length,
        seconds: Math.round((performance.now() - startMs) / 1_000),
        ...summarizeTrial(outcomes),
        outcomes: outcomes.map(rounded),
      };
      await writeAtomically(output, `${JSON.stringify(result, null, 1)}\n`);
    };
    const trial = {
      pairs,
      population: populationHistory(likes),
      numCandidates,
      atOnce: services.renderThreads,
    };
    const outcomes = await withProgress("measure ", onProgress =>
      services.photoTrials.run(trial, { signal, onProgress, onOutcomes }),
    );
    const summary = summarizeTrial(outcomes);
    if (worst !== undefined) {
      await withProgress("sheet   ", async onProgress => {
        const pairs = leastTrue(
          outcomes.filter(({ shop }) => worstShop === undefined || shop === worstShop),
        );
        const images = await services.photoTrials.shown(pairs, numCandidates, {
          signal,
          onProgress,
        });
        const tiles = images.flatMap(({ original, shown }) => [original, shown]);
        const layout = { ...WORST_SHEET, generator: services.models.generator.version };
        const png = await contactSheet(tiles, layout);
        await writeAtomically(worst, await resizeForServing(png, { format: "jpeg" }));
      });
    }
    return json ? JSON.stringify({ output, ...summary }) : `${tableOf(summary)}\n${output}`;
  });
  console.log(text);
}

/** The images shown whose product, with its rim, changed most. */
function leastTrue(outcomes: readonly PhotoOutcome[]): PhotoOutcome[] {
  const shown = outcomes.filter(({ rimColorP95 }) => rimColorP95 !== null);
  return shown.sort((a, b) => b.rimColorP95! - a.rimColorP95!).slice(0, NUM_WORST); // not null
}

/** Whether a product is among the first `count` of its shop's mixture. */
function isIn(products: Awaited<ReturnType<PhotosSource["products"]>>, count: number) {
  const names = [...new Set(products.map(({ shop }) => shop))];
  const sampled = new Set(
    names.flatMap(name =>
      mixture(
        products.filter(({ shop }) => shop === name),
        count,
      ).map(({ id }) => id),
    ),
  );
  return ({ id }: { id: string }) => sampled.has(id);
}

function commandText({ clothing, luma, vendure, ...flags }: Flags): string {
  const given = { luma, clothing, vendure };
  const shops = Object.entries(given).flatMap(([name, folder]) =>
    folder === undefined ? [] : [`--${name} <folder>`],
  );
  const { candidates, count, products, users } = flags;
  const numbers = Object.entries({ count, products, users, candidates });
  return ["vitrine photos measure", ...shops, ...numbers.map(([name, n]) => `--${name} ${n}`)].join(
    " ",
  );
}

/** Five significant digits. */
function rounded(outcome: PhotoOutcome): unknown {
  return JSON.parse(
    JSON.stringify(outcome, (_, value: unknown) =>
      typeof value === "number" ? Number(value.toPrecision(5)) : value,
    ),
  );
}

/** A column for each shop, and one for all. */
function tableOf({ all, shops }: ReturnType<typeof summarizeTrial>): string {
  const columns = [...Object.entries(shops), ["all", all] as const];
  const rows: [name: string, of: (summary: TrialSummary) => string][] = [
    ["images", ({ numPairs }) => String(numPairs)],
    ["served", ({ servedRate }) => percent(servedRate)],
    ["CIEDE2000 p95 inside, worst", ({ fidelity }) => fidelity?.worstColorP95.toFixed(3) ?? "-"],
    ["SSIM inside, worst", ({ fidelity }) => fidelity?.worstSsim.toFixed(4) ?? "-"],
    [
      "of the catalogue image's size",
      ({ fidelity }) => (fidelity ? `${fidelity.numOfSameSize} of ${fidelity.numShown}` : "-"),
    ],
    [
      "mask IoU, mean / median",
      ({ maskIou }) =>
        maskIou
          ? `${maskIou.mean.toFixed(3)} / ${maskIou.median.toFixed(3)} (${maskIou.numImages})`
          : "-",
    ],
    ["ΔR served, mean", ({ served }) => figureText(served.mean)],
    ["ΔR served, median", ({ served }) => figureText(served.median)],
    ["ΔR served, win rate", ({ served }) => figureText(served.winRate)],
    ["ΔR best, mean", ({ best }) => figureText(best.mean)],
    ["ΔR best, median", ({ best }) => figureText(best.median)],
    ["ΔR best, win rate", ({ best }) => figureText(best.winRate)],
    ["one setting for all, served", ({ oneForAll }) => figureText(oneForAll.served.mean)],
    ["one setting for all, best", ({ oneForAll }) => figureText(oneForAll.best.mean)],
    ["own - one for all, served", ({ difference }) => differenceText(difference.served)],
    ["own - one for all, best", ({ difference }) => differenceText(difference.best)],
    [
      "seconds: mask + image",
      ({ seconds }) => `${seconds.mask.toFixed(2)} + ${seconds.image.toFixed(2)}`,
    ],
    ["originals by reason", ({ reasons }) => countsText(reasons)],
    ["faults", ({ faults }) => countsText(faults)],
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...columns.map(([name]) => name)]),
    line(["---", ...columns.map(() => "---")]),
    ...rows.map(([name, of]) => line([name, ...columns.map(([, summary]) => of(summary))])),
  ].join("\n");
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const figureText = ({ interval, value }: TrialSummary["served"]["mean"]) =>
  `${value.toFixed(3)} [${interval.map(end => end.toFixed(3)).join(", ")}]`;
const differenceText = ({
  difference,
  interval,
  pValue,
  wilcoxonPValue,
}: TrialSummary["difference"]["best"]) =>
  `${figureText({ value: difference, interval })}, p ${pValue.toFixed(4)}, Wilcoxon ${wilcoxonPValue.toFixed(4)}`;
const countsText = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";
