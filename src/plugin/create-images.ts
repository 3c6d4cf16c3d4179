/** @file What makes personalised images: requests and their limits, generation, and scores by later rankers. */
import type { Config } from "../config/config.js";
import { decodeRgb, encodeGeneratedPng, encodePng } from "../db/image-codec.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import { evaluationsOfImage } from "../ml/diffusion/drawing-cost.js";
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import type { ConditionService } from "../recsys/images/condition.service.js";
import { GenerationBudget } from "../recsys/images/generation-budget.js";
import { generationDefaults } from "../recsys/images/generation-options.js";
import { GenerationPlanner } from "../recsys/images/generation-plan.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import { ImageGenerationService } from "../recsys/images/image-generation.service.js";
import { PersonalizationService } from "../recsys/images/personalization.service.js";
import { ScoringService } from "../recsys/images/scoring.service.js";
import type { JobService } from "../recsys/jobs/job.service.js";
import { PROMPT_VERSION } from "../recsys/retrieval/prompt.js";
import type { RetrievalService } from "../recsys/retrieval/retrieval.service.js";
import type { Models } from "./create-models.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

/** Denoising steps between two previews. */
const PREVIEW_INTERVAL = 4;

export type Imaging = ReturnType<typeof createImaging>;

/** Images as files, at their own size and at the generator's, and their encoder. */
export function createImaging({ blobs }: Pick<Storage, "blobs">, models: Models) {
  const codec = { decode: decodeRgb, encode: encodePng };
  const generatedCodec: typeof codec = {
    ...codec,
    encode: image => encodeGeneratedPng(image, models.generator),
  };
  const clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts"> = {
    encodeImages: async batch => (await models.clip()).encodeImages(batch),
    encodeTexts: async texts => (await models.clip()).encodeTexts(texts),
  };
  return {
    clip,
    generatedCodec,
    imageFiles: new ImageFiles({ blobs, ...codec }),
    generatorFiles: new ImageFiles({ blobs, ...generatedCodec }, models.pipelineConfig),
  };
}

interface Parts extends Pick<Ranking, "rankers" | "recommendations"> {
  storage: Storage;
  config: Pick<Config, "budget">;
  models: Models;
  moderation: ModerationStrategy;
  imaging: Imaging;
  jobs: JobService;
  retrieval: RetrievalService;
  personalizers: Personalizers["personalizers"];
  conditioner: ConditionService;
}

export function createImages(parts: Parts) {
  const { imaging, models, moderation, rankers, recommendations, storage } = parts;
  const { clip, generatorFiles, imageFiles } = imaging;
  const { images } = storage;
  const { generator, pipelineConfig } = models;
  const provenance = { generator, promptVersion: PROMPT_VERSION };
  const planner = new GenerationPlanner({
    retrieval: parts.retrieval,
    rankers,
    personalizers: parts.personalizers,
    ...provenance,
    moderation: moderation.name,
  });
  return {
    personalization: new PersonalizationService({
      planner,
      items: storage.items,
      images,
      jobs: parts.jobs,
      budget: new GenerationBudget({
        accounts: storage.budgets,
        jobs: storage.jobRows,
        limits: parts.config.budget,
      }),
      evaluationsOf: options => options.numCandidates * evaluationsOfImage(pipelineConfig, options),
      defaults: generationDefaults(pipelineConfig),
    }),
    generation: new ImageGenerationService({
      planner,
      imageFiles: generatorFiles,
      renderer: {
        render: async (request, hooks) =>
          (await models.renderPool()).render(request, {
            ...hooks,
            // A preview is shown before it can be moderated.
            previewInterval: moderation.name === "" ? PREVIEW_INTERVAL : 0,
          }),
      },
      clip,
      ranking: recommendations,
      gate: qualityVerdict,
      moderation,
      conditioner: parts.conditioner,
      images,
      ...provenance,
    }),
    scoring: new ScoringService({ rankers, images, imageFiles, clip, ranking: recommendations }),
  };
}
