/** @file `vitrine stickers export`: the training images of the base models. */
import { Command } from "commander";
import { exportStickers } from "../recsys/datasets/sticker-export.js";
import { wholeNumber } from "./option-values.js";
import { withProgress } from "./progress.js";

export function stickersCommand(): Command {
  const stickers = new Command("stickers").description("openly licensed emoji art");
  stickers
    .command("export <folder>")
    .description("write catalog.jsonl and the pictures of all styles, for pretrain/")
    .option("--concepts <number>", "number of concepts to export (default: all)", wholeNumber)
    .option("--json", "print the result as one JSON line")
    .action(async (folder: string, { concepts, json }: { concepts?: number; json?: boolean }) => {
      const numStickers = await withProgress("stickers", show =>
        exportStickers(folder, {
          limitConcepts: concepts,
          onProgress: (fraction, number) => {
            show({ fraction, stage: `${number} pictures` });
          },
        }),
      );
      console.log(
        json ? JSON.stringify({ folder, numStickers }) : `${numStickers} stickers in ${folder}`,
      );
    });
  return stickers;
}
