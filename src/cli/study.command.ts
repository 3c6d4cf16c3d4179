/** @file `vitrine study`: create, list, evaluate and close studies in which people sort images. */
import { randomUUID } from "node:crypto";
import { Command, Option } from "commander";
import { writeAtomically } from "../db/local-files.js";
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import { type StudyMethod, studyMethods } from "../recsys/studies/study-methods.js";
import { studyRequestSchema } from "../recsys/studies/study-request.js";
import type { QuestionResults, StudyResults } from "../recsys/studies/study-results.js";
import type { CountedStudy } from "../recsys/studies/study.service.js";
import type { CliContext } from "./cli-context.js";
import { readJsonFile } from "./json-file.js";
import { wholeNumber } from "./option-values.js";
import { prepareOutput } from "./output-file.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface CreateOptions {
  methods: StudyMethod[];
  pairs?: string;
  numPairs?: number;
  checks?: number;
  participants?: number;
  seed?: number;
  json?: boolean;
}

/** Newest studies listed. */
const MAX_LISTED = 100;

export function studyCommand(context: CliContext): Command {
  const command = new Command("study").description(
    "studies: people sort the images of several methods (Table 3 of the paper)",
  );
  const print = async (run: (services: Services, signal: AbortSignal) => Promise<string>) => {
    console.log(await withServices(context, (services, { signal }) => run(services, signal)));
  };

  command
    .command("create <title>")
    .description(
      "draw the images of a study and print its link; an interrupted run keeps its drawings",
    )
    .addOption(
      new Option(
        "--methods <names>",
        `what is compared, of ${studyMethods.join(", ").toLowerCase()}`,
      )
        .default(["ORIGINAL", "SERVED", "KEYWORDS"], "original,served,keywords")
        .argParser(methodsOf),
    )
    .option(
      "--pairs <file>",
      'JSON: [{"userId": …, "itemId": …, "consent": true}, …]; consent is required for users who are not simulated',
    )
    .option("--num-pairs <n>", "pairs to draw without --pairs, 1 to 60; default 10", wholeNumber)
    .option("--checks <n>", "attention checks, 0 to 10; default 2", wholeNumber)
    .option("--participants <n>", "people who may join, 1 to 1000; default 100", wholeNumber)
    .option("--seed <n>", "of pairs, orders and images; default 1", wholeNumber)
    .option("--json", "print one JSON line")
    .action(async (title: string, options: CreateOptions) => {
      const pairs =
        options.pairs === undefined
          ? undefined
          : await readJsonFile(options.pairs, "a list of pairs", studyRequestSchema.shape.pairs);
      const parsed = studyRequestSchema.safeParse({
        studyId: randomUUID(),
        title,
        methods: options.methods,
        pairs,
        numPairs: options.numPairs,
        numChecks: options.checks,
        maxParticipants: options.participants,
        seed: options.seed,
      });
      if (!parsed.success) {
        const [{ message, path }] = parsed.error.issues;
        throw new AppError("INVALID_ARGUMENT", {
          argument: path.join(".") || "study",
          problem: `is refused: ${message}`,
        });
      }
      await print(async ({ publicUrl, studies, studyCreation }, signal) => {
        const { studyId } = await withProgress("study", onProgress =>
          studyCreation.create(parsed.data, { signal, onProgress }),
        );
        const link = linkOf(publicUrl, studyId);
        return options.json
          ? JSON.stringify({ ...(await studies.get(studyId)), link })
          : `${link}${publicUrl ? "" : "\nThis is below the address of `vitrine serve`; set VITRINE_PUBLIC_URL for a whole link."}`;
      });
    });

  command
    .command("list")
    .description("newest first")
    .option("--json", "print one JSON array")
    .action(({ json }: { json?: boolean }) =>
      print(async ({ publicUrl, studies }) => {
        const rows = await studies.findPage({ limit: MAX_LISTED, after: null });
        return json
          ? JSON.stringify(rows.map(row => ({ ...row, link: linkOf(publicUrl, row.id) })))
          : rows.map(listed).join("\n") || "no studies";
      }),
    );

  command
    .command("results <studyId>")
    .description(
      "mean ranks, intervals and tests; participants who failed an attention check are left out",
    )
    .option("--seed <n>", "of the bootstrap; default 0", wholeNumber)
    .option("--csv <file>", "also write all answers")
    .option("--json", "print one JSON line")
    .action(
      async (
        studyId: string,
        { csv, json, seed = 0 }: { csv?: string; json?: boolean; seed?: number },
      ) => {
        if (csv !== undefined) {
          await prepareOutput("--csv", csv);
        }
        await print(async ({ studies }) => {
          const results = await studies.results(studyId, seed);
          if (csv !== undefined) {
            await writeAtomically(csv, await studies.csv(studyId));
          }
          return json ? JSON.stringify(results) : tableOf(results);
        });
      },
    );

  command
    .command("close <studyId>")
    .description("take no more answers, permanently")
    .option("--json", "print one JSON line")
    .action((studyId: string, { json }: { json?: boolean }) =>
      print(async ({ studies }) => {
        const study = await studies.close(studyId);
        return json ? JSON.stringify(study) : `study ${study.id} is closed`;
      }),
    );
  return command;
}

/** @throws AppError `INVALID_ARGUMENT` */
function methodsOf(text: string): StudyMethod[] {
  return text.split(",").map(name => {
    const wanted = name.trim().toUpperCase().replaceAll("-", "_");
    const method = studyMethods.find(known => known === wanted);
    if (!method) {
      const problem = `must be of ${studyMethods.join(", ").toLowerCase()}, but got '${name}'`;
      throw new AppError("INVALID_ARGUMENT", { argument: "--methods", problem });
    }
    return method;
  });
}

function linkOf(publicUrl: string, studyId: string): string {
  return `${publicUrl}/study/${studyId}`;
}

function listed({ closedAt, id, numFinished, numPairs, numParticipants, title }: CountedStudy) {
  const state = closedAt ? `closed ${closedAt.toISOString()}` : "open";
  const people = `${numFinished} of ${numParticipants} participants finished`;
  return [id, state, `${numPairs} pairs`, people, title].join("\t");
}

function tableOf({ participants, questions }: StudyResults): string {
  const { counted, failedChecks, finished, joined } = participants;
  const people = `${joined} joined, ${finished} finished, ${failedChecks} failed a check, ${counted} counted`;
  return [people, ...questions.map(questionTable)].join("\n\n");
}

function questionTable(results: QuestionResults): string {
  const { comparisons, friedman, methods, numAnswers, pairAgreement, question } = results;
  if (methods.length === 0) {
    return `${question}: no answers`;
  }
  const ranks = methods.map(
    ({ firstShare, interval, meanRank, method }) =>
      `| ${method} | ${meanRank.toFixed(2)} | ${interval ? `[${interval.map(end => end.toFixed(2)).join(", ")}]` : "-"} | ${(100 * firstShare).toFixed(0)} % |`,
  );
  const tests = comparisons.map(
    ({ better, difference, holmPValue, pValue, worse }) =>
      `| ${better} | ${worse} | ${difference.toFixed(2)} | ${pValue.toFixed(4)} | ${holmPValue.toFixed(4)} |`,
  );
  return [
    `${question}: ${numAnswers} answers`,
    "| method | mean rank | 95 % interval | first |",
    "|---|---|---|---|",
    ...ranks,
    ...(friedman
      ? [
          `Friedman: χ² ${friedman.chiSquare.toFixed(2)}, ${friedman.degreesOfFreedom} degrees of freedom, p ${friedman.pValue.toFixed(4)}; ` +
            `Kendall's W ${friedman.concordance.toFixed(2)}, of single pairs ${pairAgreement?.toFixed(2) ?? "-"}`,
        ]
      : []),
    ...(tests.length > 0
      ? ["| better | worse | mean rank | Wilcoxon p | Holm |", "|---|---|---|---|---|", ...tests]
      : []),
  ].join("\n");
}
