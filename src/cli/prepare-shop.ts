/** @file From an empty data folder to a shop that serves: imports, indexes and trains what is missing. */
import type { Services } from "../plugin/create-services.js";
import type { ImportSource } from "../recsys/import/import-source.js";
import { withProgress } from "./progress.js";

/** Fixed, so that one trained ranker serves all images of the shop. */
const RANKER_SEED = 1;

/** Every step reuses an earlier run's results. @param rankerVersionId constant, so that a killed training resumes. */
export async function prepareShop(
  { imports, indexing, rankers }: Pick<Services, "imports" | "indexing" | "rankers">,
  { rankerVersionId: versionId, source }: { source: ImportSource; rankerVersionId: string },
  signal: AbortSignal,
): Promise<void> {
  await withProgress(source.kind.padEnd(8), show =>
    imports.run(source, {
      signal,
      onProgress: ({ part, done, total }) => {
        show({ fraction: total ? Math.min(1, done / total) : 0, stage: `${part} ${done}` });
      },
    }),
  );
  await withProgress("index   ", async show =>
    (await indexing()).run({
      signal,
      onProgress: ({ stage, done, total }) => {
        const fraction = total === 0 ? 1 : done / total;
        show({ fraction, stage: `${stage} ${done}/${total}` });
      },
    }),
  );
  if ((await rankers.activeVersionId()) === null) {
    // MICRO as its paper has it: blended with EASE it ranks better, but an image moves its ranks less.
    const config = { preset: "quick", itemItem: null };
    await withProgress("ranker  ", onProgress =>
      rankers.train(
        { versionId, seed: RANKER_SEED, config, activate: true },
        { signal, onProgress },
      ),
    );
  }
}
