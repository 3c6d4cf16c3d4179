/** @file What measures on many images: experiments of images, and re-ranking by personalised images. */
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import type { WorkHooks } from "../ml/progress.js";
import { generationDefaults } from "../recsys/images/generation-options.js";
import type { GenerationPlanner } from "../recsys/images/generation-plan.js";
import { ImageExperimentService } from "../recsys/lab/experiments/image-experiment.service.js";
import { RerankService } from "../recsys/lab/reranking/rerank.service.js";
import {
  type PhotoTrial,
  runPhotoTrial,
  shownImages,
  type TrialHooks,
  type TrialPair,
} from "../recsys/lab/studio/photo-trial.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts
  extends
    Pick<Ranking, "rankers" | "recommendations" | "rerankedLists">,
    Pick<Personalizers, "methods" | "offline" | "personalizers"> {
  storage: Storage;
  models: Pick<Models, "pack" | "pipelineConfig">;
  imaging: Imaging;
  moderation: ModerationStrategy;
  planner: Pick<GenerationPlanner, "plan">;
  /** What a host gave in place of the default. */
  ranker?: PictureRanker;
}

export function createLab(parts: Parts) {
  const { imaging, methods, models, moderation, offline, rankers, storage } = parts;
  const { planner, ranker = parts.recommendations } = parts;
  const { store } = storage;
  const { clip, generator, generatorFiles: imageFiles, masks, products } = imaging;
  const rules = { gate: qualityVerdict, moderation };
  const trialParts = {
    planner,
    path: { generator, imageFiles, clip, ranker, products },
    rules,
    masks,
    store,
  };
  const trialOptions = (numCandidates: number) => ({
    ...generationDefaults(models.pipelineConfig),
    numCandidates,
  });
  return {
    /** Images as `personalizeImage` makes them, but without jobs, budgets and stored images. */
    photoTrials: {
      run: (
        { numCandidates, ...trial }: Omit<PhotoTrial, "options"> & { numCandidates: number },
        hooks?: TrialHooks,
      ) => runPhotoTrial(trialParts, { ...trial, options: trialOptions(numCandidates) }, hooks),
      shown: (pairs: readonly TrialPair[], numCandidates: number, hooks?: WorkHooks) =>
        shownImages(trialParts, trialOptions(numCandidates), pairs, hooks),
    },
    imageExperiments: new ImageExperimentService({
      ...offline,
      rules,
      clip,
      training: parts.personalizers,
      untrained: methods.untrained,
      load: (versionId, artefactPath, ranker) => methods.load(versionId, artefactPath, ranker),
    }),
    reranking: new RerankService({ ...offline, methods, rankers, lists: parts.rerankedLists }),
  };
}
