/** @file Services for personalized images: requests and their limits, generation, and scores by later rankers. */
import type { Config } from "../config/config.js";
import { evaluationsOfImage } from "../ml/diffusion/drawing-cost.js";
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import { GenerationBudget } from "../recsys/images/generation-budget.js";
import { generationDefaults } from "../recsys/images/generation-options.js";
import { GenerationPlanner } from "../recsys/images/generation-plan.js";
import { ImageGenerationService } from "../recsys/images/image-generation.service.js";
import { PersonalizationService } from "../recsys/images/personalization.service.js";
import { ScoringService } from "../recsys/images/scoring.service.js";
import { VariantChoice } from "../recsys/images/variant-choice.js";
import { VariantImages } from "../recsys/images/variant-images.js";
import type { JobService } from "../recsys/jobs/job.service.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import { PROMPT_VERSION } from "../recsys/retrieval/prompt.js";
import type { RetrievalService } from "../recsys/retrieval/retrieval.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts extends Pick<Ranking, "rankers" | "recommendations"> {
  storage: Storage;
  config: Pick<Config, "budget" | "fidelity">;
  models: Models;
  moderation: ModerationStrategy;
  imaging: Imaging;
  jobs: JobService;
  retrieval: RetrievalService;
  methods: Personalizers["methods"];
  ranker?: PictureRanker;
}

export function createImages(parts: Parts) {
  const { imaging, methods, models, moderation, rankers, storage } = parts;
  const { ranker = parts.recommendations } = parts;
  const { clip, generator, generatorFiles, imageFiles, products } = imaging;
  const { images } = storage;
  const { pipelineConfig } = models;
  const provenance = { generator, promptVersion: PROMPT_VERSION };
  const planner = new GenerationPlanner({
    retrieval: parts.retrieval,
    rankers,
    methods,
    variants: new VariantImages({ encoder: models.encoderId, rows: storage.variantImages }),
    ...provenance,
    moderation: moderation.name,
  });
  const variants = new VariantChoice({ ranker, images, promptVersion: PROMPT_VERSION });
  return {
    planner,
    personalization: new PersonalizationService({
      planner,
      items: storage.items,
      images,
      variants,
      jobs: parts.jobs,
      budget: new GenerationBudget({
        accounts: storage.budgets,
        jobs: storage.jobRows,
        limits: parts.config.budget,
      }),
      evaluationsOf: options =>
        options.numCandidates *
        (generator.evaluationsAnImage ??
          (pipelineConfig ? evaluationsOfImage(pipelineConfig, options) : 1)),
      defaults: generationDefaults(pipelineConfig, parts.config.fidelity),
    }),
    generation: new ImageGenerationService({
      planner,
      variants,
      imageFiles: generatorFiles,
      clip,
      ranker,
      products,
      gate: qualityVerdict,
      moderation,
      images,
      ...provenance,
    }),
    scoring: new ScoringService({ rankers, images, imageFiles, clip, ranker }),
  };
}
