/**
 * @file Experiments on personalised pictures: arms x seeds on held-out users, without the serving fallback.
 *
 * For every arm that has one, a personalizer is trained for each seed and kept as a version that does not serve; its id comes
 * from its configuration, so a stopped experiment, or another with the same arm, finds it. What an arm did on the test pairs
 * is kept in `experiments/` below the installation's folder.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ConditionEncoder } from "../../ml/generation/condition-encoder.js";
import {
  clipImageScore,
  clipPreferenceImageScore,
  clipPreferenceScore,
  clipScore,
  preferenceText,
} from "../../ml/metrics/clip-scores.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import { writeAtomically } from "../../ml/nn/safetensors.js";
import {
  explored,
  personalizerInputs,
  type PersonalizerModel,
} from "../generation/personalizer-model.js";
import { assertEnough, judgingPairs, type Pair, pairRetrieval } from "../reflection/pairs.js";
import {
  personalizerConfig,
  type PersonalizerTrainingConfig,
} from "../reflection/personalizer-config.js";
import { PictureJudge } from "../reflection/picture-judge.js";
import type { PictureStudio, StudioRequest } from "../reflection/picture-studio.js";
import type { ShopSnapshot } from "../reflection/shop-snapshot.js";
import { generatorPrompt } from "../retrieval/prompt.js";
import type { ExperimentArm, PictureExperiment } from "./experiment-config.js";

/** What one picture did. */
export interface PictureOutcome {
  userId: string;
  itemId: string;
  deltaR: number;
  rankBefore: number;
  rankAfter: number;
  /** CLIP scores, x 100 (METHOD.md section 6). */
  cs: number;
  cis: number;
  cps: number;
  cpis: number;
}

export interface ArmOutcomes {
  arm: string;
  seed: number;
  /** The personalizer that was trained for it; null where there is none. */
  versionId: string | null;
  outcomes: readonly PictureOutcome[];
}

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  studio: PictureStudio;
  encoder(): Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
  clip: { encodeTexts(texts: readonly string[]): Promise<Float32Array[]> };
  training: {
    train(
      request: {
        versionId: string;
        seed: number;
        config: Readonly<Record<string, unknown>>;
        activate: boolean;
      },
      hooks: ExperimentHooks,
    ): Promise<{ id: string; artefactPath: string | null }>;
  };
  /** Reads a version's folder below the installation's; the caller disposes of it. */
  load: (artefactPath: string) => Promise<PersonalizerModel>;
  generator: string;
  home: string;
}

export interface ExperimentHooks {
  signal?: AbortSignal;
  onProgress?: (progress: { fraction: number; stage: string }) => void;
}

/** An arm in one seed: what all of its pictures share. */
interface Run {
  experiment: PictureExperiment;
  arm: ExperimentArm;
  config: PersonalizerTrainingConfig;
  seed: number;
  shop: ShopSnapshot;
  judge: PictureJudge;
  model: PersonalizerModel | null;
  signal?: AbortSignal;
}

/** Fewer pairs could not tell any arm from another. */
const MIN_TEST_PAIRS = 2;

export class PictureExperimentService {
  constructor(private readonly deps: Dependencies) {}

  /** Runs what is not done yet, arm after arm for each seed. */
  async run(experiment: PictureExperiment, hooks: ExperimentHooks = {}): Promise<ArmOutcomes[]> {
    hooks.onProgress?.({ fraction: 0, stage: "reading the shop" });
    const shop = await this.deps.shop();
    const pairs = judgingPairs(shop, "test", { numPairs: experiment.numTestPairs, seed: 0 });
    assertEnough(pairs, MIN_TEST_PAIRS);
    const judge = new PictureJudge(shop);
    const total = experiment.seeds.length * experiment.arms.length;
    const results: ArmOutcomes[] = [];
    for (const seed of experiment.seeds) {
      for (const arm of experiment.arms) {
        hooks.signal?.throwIfAborted();
        const config = personalizerConfig(mergedTraining(experiment.training, arm.training));
        const run = { experiment, arm, config, seed, shop, judge };
        const own = {
          ...hooks,
          onProgress: ({ fraction, stage }: { fraction: number; stage: string }) =>
            hooks.onProgress?.({
              fraction: (results.length + fraction) / total,
              stage: `${arm.name}, seed ${seed}: ${stage}`,
            }),
        };
        results.push(await this.outcomesOf(run, pairs, own));
      }
    }
    return results;
  }

  private async outcomesOf(
    run: Omit<Run, "model">,
    pairs: readonly Pair[],
    hooks: ExperimentHooks,
  ): Promise<ArmOutcomes> {
    const { arm, config, experiment, seed, shop } = run;
    const { generator, home, load, training } = this.deps;
    const { guidanceScale, numCandidates, numSteps, strength } = experiment;
    const trained = arm.condition === "personalizer";
    const basis = [generator, shop.ranker.versionId, config, seed];
    const key = hashOf([
      basis,
      arm.condition,
      { guidanceScale, numCandidates, numSteps, strength },
      pairs,
    ]);
    const path = join(home, "experiments", experiment.name, `${key}.json`);
    const done = await readFile(path, "utf8").catch(() => null);
    if (done !== null) {
      return { ...(JSON.parse(done) as ArmOutcomes), arm: arm.name };
    }
    let model: PersonalizerModel | null = null;
    let versionId: string | null = null;
    if (trained) {
      const version = await training.train(
        { versionId: uuidOf(hashOf(["personalizer", ...basis])), seed, config, activate: false },
        {
          ...hooks,
          onProgress: ({ fraction, stage }) =>
            hooks.onProgress?.({ fraction: 0.8 * fraction, stage }),
        },
      );
      versionId = version.id;
      model = await load(version.artefactPath!); // a trained version has one
    }
    try {
      const from = trained ? 0.8 : 0;
      const outcomes: PictureOutcome[] = [];
      for (const pair of pairs) {
        outcomes.push(await this.outcomeOf({ ...run, model, signal: hooks.signal }, pair));
        const done = outcomes.length;
        const fraction = from + ((1 - from) * done) / pairs.length;
        hooks.onProgress?.({ fraction, stage: `picture ${done} of ${pairs.length}` });
      }
      const result = { arm: arm.name, seed, versionId, outcomes };
      await mkdir(dirname(path), { recursive: true });
      await writeAtomically(path, `${JSON.stringify(result)}\n`);
      return result;
    } finally {
      model?.dispose();
    }
  }

  /** Draws a pair's picture and measures it. */
  private async outcomeOf(run: Run, pair: Pair): Promise<PictureOutcome> {
    const { arm, judge, shop } = run;
    const reference = shop.items.get(pair.itemId)!;
    const captionEmbedding = reference.captionEmbedding!; // a pair has both
    const imageEmbedding = reference.imageEmbedding!;
    const drawn = arm.condition === "original" ? [] : await this.draw(run, pair);
    const embeddings = drawn.map(({ embedding }) => embedding);
    const judged = judge.judge(pair, embeddings);
    const best = judged.pictures.reduce(
      (top, { score }, place) => (score > judged.pictures[top].score ? place : top),
      0,
    );
    const { deltaR, rank } = judged.pictures[best] ?? { deltaR: 0, rank: judged.reference.rank };
    const shown = embeddings[best] ?? imageEmbedding;
    // The same words for every arm, so that CPS compares pictures and not keywords.
    const { history, preferenceKeywords } = pairRetrieval(shop, pair, { ...run.config, k: 5 });
    const [preference] = await this.deps.clip.encodeTexts([preferenceText(preferenceKeywords)]);
    return {
      userId: pair.userId,
      itemId: pair.itemId,
      deltaR,
      rankBefore: judged.reference.rank,
      rankAfter: rank,
      cs: clipScore(shown, captionEmbedding),
      cis: clipImageScore(shown, imageEmbedding),
      cps: clipPreferenceScore(shown, preference),
      cpis: clipPreferenceImageScore(
        shown,
        history.flatMap(item => item.imageEmbedding ?? []),
      ),
    };
  }

  private async draw({ arm, config, experiment, model, seed, shop, signal }: Run, pair: Pair) {
    const { guidanceScale, numCandidates, numSteps, strength } = experiment;
    const context = pairRetrieval(shop, pair, config);
    const request: Omit<StudioRequest, "prompt"> = {
      blobHash: pair.blobHash,
      guidanceScale,
      numSteps,
      strength,
      seed: seedFrom("experiment", seed, pair.userId, pair.itemId),
      numImages: numCandidates,
    };
    const { title } = shop.items.get(pair.itemId)!;
    const imageEmbedding = context.preferenceEmbedding ?? undefined;
    switch (arm.condition) {
      case "original":
        return [];
      case "keywords":
        return this.deps.studio.draw({ ...request, prompt: context.prompt }, { signal });
      case "both":
        return this.deps.studio.draw(
          { ...request, prompt: context.prompt, imageEmbedding },
          { signal },
        );
      case "retrieval": {
        const prompt = generatorPrompt(context.referenceKeywords, [], title);
        return this.deps.studio.draw({ ...request, prompt, imageEmbedding }, { signal });
      }
      case "personalizer": {
        const inputs = await personalizerInputs(model!, await this.deps.encoder(), [context]);
        const [policy] = model!.policy(inputs);
        const random = new Random(seedFrom("explored", request.seed));
        const conditions = Array.from({ length: numCandidates }, (_, t) =>
          t === 0 ? policy.mean : explored(policy, random.normals(policy.mean.length)),
        );
        return this.deps.studio.draw({ ...request, prompt: "", conditions }, { signal });
      }
    }
  }
}

function mergedTraining(
  base: PictureExperiment["training"],
  own: ExperimentArm["training"],
): Record<string, unknown> {
  return { ...base, ...own, model: { ...base.model, ...own.model } };
}

function hashOf(parts: unknown): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** A UUID (version 8: of one's own making) from the head of a hash. */
function uuidOf(hash: string): string {
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
