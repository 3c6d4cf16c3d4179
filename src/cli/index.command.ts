/** @file `vitrine index`: completes captions, embeddings and the index. */
import { Command, Option } from "commander";
import type { IndexingReport } from "../recsys/retrieval/indexing.service.js";
import type { CaptionMode } from "../recsys/retrieval/item-captions.js";
import type { CliContext } from "./cli-context.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface IndexFlags {
  captions?: CaptionMode;
  language?: string;
  rebuild?: boolean;
  json?: boolean;
}

export function indexCommand(context: CliContext): Command {
  return new Command("index")
    .description("caption and encode new and changed items, and index them")
    .option("--rebuild", "encode everything again, and build a new index")
    .addOption(
      new Option(
        "--captions <mode>",
        "source of captions: title and category (text), the picture (model), or the picture where it agrees with the title (auto); default: VITRINE_CAPTIONS",
      ).choices(["text", "model", "auto"]),
    )
    .option(
      "--language <code>",
      "language of titles and captions, ISO 639-1 (default: VITRINE_LANGUAGE, otherwise detected from the titles)",
    )
    .option("--json", "print the result as one JSON line")
    .action(async ({ captions, language, rebuild, json }: IndexFlags) => {
      const began = performance.now();
      const report = await withServices(context, async ({ indexing }, { signal }) =>
        withProgress(null, async show =>
          (await indexing()).run({
            captions,
            language: language === "auto" ? undefined : language,
            rebuild,
            signal,
            onProgress: ({ stage, done, total }) => {
              if (total > 0) {
                show({ label: stage, fraction: done / total, stage: `${done}/${total}` });
              }
            },
          }),
        ),
      );
      const seconds = (performance.now() - began) / 1_000;
      console.log(json ? JSON.stringify({ ...report, seconds }) : describe(report, seconds));
    });
}

function describe(report: IndexingReport, seconds: number): string {
  const { skipped, numSkipped, numWithoutImage } = report;
  return [
    `${report.numCaptioned} captions written from pictures, ${report.numTextCaptions} from titles; ${report.numCaptionsEncoded} captions and ${report.numImagesEncoded + report.numVariantImagesEncoded} pictures encoded in ${seconds.toFixed(1)} s`,
    `${report.numItems} items in the index: ${report.numAdded} added, ${report.numRemoved} removed`,
    searchLine(report),
    keywordLine(report),
    `keywords leave out the stop words of the language '${report.language}'`,
    ...(numWithoutImage > 0
      ? [`${numWithoutImage} items have no picture; they are found by their text`]
      : []),
    ...(numSkipped > 0
      ? [`${numSkipped} pictures cannot be read; their items are found by their text:`]
      : []),
    ...skipped.map(({ itemId, reason }) => `  ${itemId}: ${reason}`),
  ].join("\n");
}

function keywordLine(report: IndexingReport): string {
  const { keywordModel, numKeywordsAsked, numKeywordsFaulty, numKeywordsUsable } = report;
  return keywordModel === null
    ? "keywords are words of titles and captions"
    : `keywords of ${numKeywordsUsable} items by ${keywordModel}, of ${numKeywordsFaulty} by the extractor because the model's answer is unusable; the model was asked about ${numKeywordsAsked} items`;
}

function searchLine(report: IndexingReport): string {
  const { numPoints, search, hnswRecallAt10 } = report;
  const points = `${numPoints} distinct caption embeddings`;
  if (search === "hnsw") {
    const recall = hnswRecallAt10 === null ? "-" : hnswRecallAt10.toFixed(3);
    return `${points}, searched by HNSW: recall@10 ${recall} against exact search`;
  }
  return hnswRecallAt10 === null
    ? `${points}, searched exactly`
    : `${points}, searched exactly: HNSW reached only a recall@10 of ${hnswRecallAt10.toFixed(3)}`;
}
