/** @file `vitrine vectors`: the vectors of a ranking model, as NumPy files. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { writeAtomically } from "../db/local-files.js";
import { AppError } from "../errors/app-error.js";
import { npyOf } from "../ml/nn/npy.js";
import { hasVectors } from "../ml/ranking/vector-recommender.js";
import type { LoadedRanker } from "../recsys/ranking/ranker-artefact.js";
import type { CliContext } from "./cli-context.js";
import { uuid } from "./option-values.js";
import { withServices } from "./with-services.js";

interface Options {
  output: string;
  json?: boolean;
}

export function vectorsCommand(context: CliContext): Command {
  return new Command("vectors")
    .description(
      "write a ranking model's vectors of users and items as NumPy files, with their ids",
    )
    .argument("[versionId]", "of the ranking model (default: the active one)", uuid)
    .requiredOption(
      "--output <folder>",
      "gets users.npy, users.json, items.npy, items.json, vectors.json",
    )
    .option("--json", "print one JSON line")
    .action(async (given: string | undefined, { json, output }: Options) => {
      const report = await withServices(context, async ({ rankers }) => {
        const versionId = given ?? (await rankers.activeVersionId());
        if (versionId === null) {
          throw new AppError("RANKER_NOT_TRAINED");
        }
        assertReady(await rankers.find(versionId));
        return rankers.use(versionId, ranker => writeVectors(ranker, output));
      });
      const { algorithm, dimension, numItems, numUsers, versionId } = report;
      console.log(
        json
          ? JSON.stringify(report)
          : `${numUsers} users and ${numItems} items of ${dimension} values in ${output} (${algorithm}, version ${versionId})`,
      );
    });
}

/** @throws AppError RANKER_NOT_READY */
function assertReady({ id, state }: { id: string; state: string }): void {
  if (state !== "READY") {
    throw new AppError("RANKER_NOT_READY", { versionId: id, state });
  }
}

/** @throws AppError RANKER_WITHOUT_VECTORS */
async function writeVectors(
  { itemIds, model, userIndexOf, versionId }: LoadedRanker,
  output: string,
) {
  const { algorithm } = model;
  if (!hasVectors(model)) {
    throw new AppError("RANKER_WITHOUT_VECTORS", { versionId, algorithm });
  }
  const { itemVectors, userVectors } = model.allVectors;
  const [numUsers, dimension] = userVectors.shape;
  const about = { versionId, algorithm, dimension, numUsers, numItems: itemIds.length };
  await mkdir(output, { recursive: true });
  const write = (name: string, content: Uint8Array | string) =>
    writeAtomically(join(output, name), content);
  await write("users.npy", npyOf(userVectors));
  await write("users.json", `${JSON.stringify([...userIndexOf.keys()])}\n`); // in the order of indices
  await write("items.npy", npyOf(itemVectors));
  await write("items.json", `${JSON.stringify(itemIds)}\n`);
  await write("vectors.json", `${JSON.stringify(about, null, 2)}\n`);
  return { output, ...about };
}
