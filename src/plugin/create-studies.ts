/** @file Studies: people sort the images of several methods. */
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import { generationDefaults } from "../recsys/images/generation-options.js";
import type { GenerationPlanner } from "../recsys/images/generation-plan.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import { AttentionChecks } from "../recsys/studies/attention-checks.js";
import { PairImages } from "../recsys/studies/pair-images.js";
import { ParticipationService } from "../recsys/studies/participation.service.js";
import { StudyCreationService } from "../recsys/studies/study-creation.service.js";
import { StudyService } from "../recsys/studies/study.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts
  extends Pick<Ranking, "recommendations">, Pick<Personalizers, "methods" | "offline"> {
  storage: Storage;
  models: Pick<Models, "encoderId" | "pipelineConfig">;
  imaging: Imaging;
  moderation: ModerationStrategy;
  planner: Pick<GenerationPlanner, "plan">;
  /** What a host gave in place of the default. */
  ranker?: PictureRanker;
}

export function createStudies(parts: Parts) {
  const { imaging, methods, models, moderation, offline, planner, storage } = parts;
  const { ranker = parts.recommendations } = parts;
  const { catalog, retrievalRows, studies, studyParticipants, users } = storage;
  const images = new PairImages({
    planner,
    methods,
    path: { ...offline.path, ranker }, // it keeps drawings, so a stopped run does not draw them again
    imageFiles: imaging.generatorFiles,
    rules: { gate: qualityVerdict, moderation },
    defaults: generationDefaults(models.pipelineConfig),
    imageHashesOf: async itemIds => {
      const found = await catalog.findItemImages(itemIds);
      return new Map(found.map(({ blobHash, itemId }) => [itemId, blobHash]));
    },
    readsPrompts: !imaging.paintsSettings,
  });
  const checks = new AttentionChecks({
    findItemIds: () => studies.findShowableItemIds(),
    findItems: itemIds => retrievalRows.findItems(models.encoderId, itemIds),
  });
  return {
    studies: new StudyService({ studies }),
    participation: new ParticipationService({ studies, participants: studyParticipants }),
    studyCreation: new StudyCreationService({ studies, users, images, checks }),
    studyImages: studyParticipants,
  };
}
