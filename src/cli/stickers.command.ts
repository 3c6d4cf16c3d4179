/** @file `vitrine stickers export`: the training images of the base models. */
import { Command } from "commander";
import { exportStickers } from "../recsys/datasets/sticker-export.js";
import { wholeNumber } from "./option-values.js";
import { createProgress } from "./progress.js";

export function stickersCommand(): Command {
  const stickers = new Command("stickers").description("openly licensed emoji art");
  stickers
    .command("export <folder>")
    .description("write catalog.jsonl and the pictures of all styles, for pretrain/")
    .option("--concepts <number>", "number of concepts to export (default: all)", wholeNumber)
    .option("--json", "print the result as one JSON line")
    .action(async (folder: string, { concepts, json }: { concepts?: number; json?: boolean }) => {
      const progress = createProgress("stickers");
      try {
        const numStickers = await exportStickers(folder, {
          limitConcepts: concepts,
          onProgress: (done, number) => {
            progress.update(done, `${number} pictures`);
          },
        });
        progress.stop();
        console.log(
          json ? JSON.stringify({ folder, numStickers }) : `${numStickers} stickers in ${folder}`,
        );
      } finally {
        progress.stop();
      }
    });
  return stickers;
}
