/** @file `vitrine photos …`: personalised photographs of public shops, measured on simulated shoppers. */
import { Command } from "commander";
import type { CliContext } from "./cli-context.js";
import { photosMeasureCommand } from "./photos-measure.command.js";

export function photosCommand(context: CliContext): Command {
  return new Command("photos")
    .description("measure personalised photographs on public shops and simulated shoppers")
    .addCommand(photosMeasureCommand(context));
}
