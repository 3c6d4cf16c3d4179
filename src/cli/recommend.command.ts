/** @file `vitrine recommend`: the recommendations of many shoppers, as a file. */
import { open } from "node:fs/promises";
import { Command } from "commander";
import {
  openRankingFile,
  rankingFileEndings,
  type RankingFile,
  type RankingRow,
} from "../db/ranking-files.js";
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import { rankingsOfUsers } from "../recsys/ranking/rankings-of-users.js";
import type { CliContext } from "./cli-context.js";
import { positiveNumber } from "./option-values.js";
import { prepareOutput } from "./output-file.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface Options {
  output: string;
  k: number;
  users?: string;
  run?: string;
  includeSeen?: boolean;
  includeUnavailable?: boolean;
  json?: boolean;
}

interface Report {
  output: string;
  run: string;
  numUsers: number;
  numRows: number;
  /** Users by what ranked for them. */
  sources: Record<string, number>;
  /** Users without any recommendation. */
  numEmpty: number;
}

export function recommendCommand(context: CliContext): Command {
  return new Command("recommend")
    .description("write the recommendations of all shoppers to a file, as the API would give them")
    .requiredOption("--output <file>", `file that ends in ${rankingFileEndings.join(", ")}`)
    .option("--k <number>", "items of each shopper", positiveNumber, 100)
    .option("--users <file>", "shoppers' ids, one a line (default: all shoppers)")
    .option("--run <name>", "names the ranking in every row (default: the active version's id)")
    .option("--include-seen", "also items that the shopper has seen")
    .option("--include-unavailable", "also items that are not available")
    .option("--json", "print one JSON line")
    .action(async (options: Options) => {
      await prepareOutput("--output", options.output);
      const report = await withServices(context, (services, { signal }) =>
        writeRankings(services, options, signal),
      );
      console.log(options.json ? JSON.stringify(report) : described(report));
    });
}

async function writeRankings(
  services: Services,
  { output, ...options }: Options,
  signal: AbortSignal,
): Promise<Report> {
  const { rankers, users } = services;
  const run = options.run ?? (await rankers.activeVersionId()) ?? "popularity";
  const given = options.users === undefined ? null : await linesOf(options.users);
  const total = given?.length ?? (await users.count());
  const rankings = rankingsOfUsers(services.recommendations, {
    userIds: given ?? users.streamIds(),
    k: options.k,
    options: {
      excludeSeen: !options.includeSeen,
      onlyAvailable: !options.includeUnavailable,
    },
    signal,
  });
  const file = await openRankingFile(output, run);
  try {
    const counts = await withProgress("recommend", async show =>
      writeAll(rankings, file, done => {
        show({ fraction: done / total, stage: `${done}/${total} shoppers` });
      }),
    );
    await file.finish();
    return { output, run, ...counts };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function writeAll(
  rankings: AsyncIterable<RankingRow[]>,
  file: RankingFile,
  onUser: (done: number) => void,
): Promise<Omit<Report, "output" | "run">> {
  const report = { numUsers: 0, numRows: 0, sources: {} as Record<string, number>, numEmpty: 0 };
  for await (const rows of rankings) {
    await file.write(rows);
    report.numUsers++;
    report.numRows += rows.length;
    if (rows.length === 0) {
      report.numEmpty++;
    } else {
      const [{ source }] = rows;
      report.sources[source] = (report.sources[source] ?? 0) + 1;
    }
    onUser(report.numUsers);
  }
  return report;
}

/** The distinct lines of a file, without empty ones. @throws AppError FILE_NOT_FOUND */
async function linesOf(path: string): Promise<string[]> {
  const file = await open(path).catch((error: unknown) => {
    throw new AppError("FILE_NOT_FOUND", { path }, { cause: error });
  });
  const lines = new Set<string>();
  for await (const line of file.readLines()) {
    lines.add(line.trim());
  }
  lines.delete("");
  return [...lines];
}

function described({ numEmpty, numRows, numUsers, output, run, sources }: Report): string {
  const bySource = Object.entries(sources).map(([source, count]) => `${count} by ${source}`);
  return [
    `${numRows} rows of ${numUsers} shoppers in ${output}, run ${run}`,
    ...(bySource.length > 0 ? [bySource.join(", ")] : []),
    ...(numEmpty > 0 ? [`${numEmpty} shoppers have no recommendation`] : []),
  ].join("\n");
}
