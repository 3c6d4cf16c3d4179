/** @file What measures on many images: experiments of images, and re-ranking by personalised images. */
import { qualityVerdict } from "../ml/diffusion/quality-gate.js";
import type { ModerationStrategy } from "../ml/moderation/moderation-strategy.js";
import { ImageExperimentService } from "../recsys/lab/experiments/image-experiment.service.js";
import { RerankService } from "../recsys/lab/reranking/rerank.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import { loadPersonalizer } from "./create-personalizer.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts
  extends Pick<Ranking, "rankers">, Pick<Personalizers, "methods" | "offline" | "personalizers"> {
  storage: Storage;
  models: Pick<Models, "pack">;
  imaging: Imaging;
  moderation: ModerationStrategy;
}

export function createLab(parts: Parts) {
  const { imaging, methods, models, moderation, offline, rankers, storage } = parts;
  const { store } = storage;
  return {
    imageExperiments: new ImageExperimentService({
      ...offline,
      rules: { gate: qualityVerdict, moderation },
      clip: imaging.clip,
      training: parts.personalizers,
      load: artefactPath => loadPersonalizer(models.pack, store, artefactPath),
    }),
    reranking: new RerankService({ ...offline, methods, rankers }),
  };
}
