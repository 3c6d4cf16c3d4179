/** @file `vitrine rankers`: the versions of the ranking model, which one serves, and going back. */
import { Command } from "commander";
import { createServices } from "../plugin/create-services.js";
import { type CliContext } from "./cli-context.js";

/** A version's NDCG@10 on its held-out items, for people. */
function testNdcg(metrics: unknown): string {
  const { test } = (metrics ?? {}) as { test?: Record<string, number> }; // as training stored it
  return test?.["ndcg@10"]?.toFixed(4) ?? "-";
}

export function rankersCommand(context: CliContext): Command {
  const rankers = new Command("rankers").description("versions of the ranking model");

  const withServices = async (
    run: (services: Awaited<ReturnType<typeof createServices>>) => Promise<string>,
  ) => {
    const opened = await context.open();
    try {
      const services = await createServices(opened);
      console.log(await run(services));
      await services.close();
    } finally {
      await opened.close();
    }
  };

  rankers
    .command("list")
    .description("newest first, with seed, data snapshot and NDCG@10 on the test part")
    .option("--json", "print one JSON array")
    .action(({ json }: { json?: boolean }) =>
      withServices(async ({ catalog }) => {
        const versions = await catalog.findRankingModelPage({ limit: 100, after: null });
        return json
          ? JSON.stringify(versions)
          : versions
              .map(({ id, algorithm, state, isActive, createdAt, seed, dataHash, metrics }) =>
                [
                  isActive ? "*" : " ",
                  id,
                  algorithm.padEnd(10),
                  state.padEnd(8),
                  createdAt.toISOString(),
                  `seed ${seed}`,
                  `data ${dataHash?.slice(0, 8) ?? "-"}`,
                  `ndcg@10 ${testNdcg(metrics)}`,
                ].join("  "),
              )
              .join("\n");
      }),
    );
  rankers
    .command("activate <versionId>")
    .description("serve this version")
    .action((versionId: string) =>
      withServices(async ({ rankers: registry }) => {
        const { id } = await registry.activate(versionId);
        return `version ${id} is active`;
      }),
    );
  rankers
    .command("rollback")
    .description("serve the version that was active before")
    .action(() =>
      withServices(async ({ rankers: registry }) => {
        const { id } = await registry.rollback();
        return `version ${id} is active`;
      }),
    );
  return rankers;
}
