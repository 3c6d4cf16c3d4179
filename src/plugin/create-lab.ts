/** @file What measures on many images: experiments of images, and re-ranking by personalised images. */
import { ArmArtist } from "../recsys/lab/experiments/arm-artist.js";
import { ImageExperimentService } from "../recsys/lab/experiments/image-experiment.service.js";
import { ItemImageArtist } from "../recsys/lab/reranking/item-image-artist.js";
import { RerankService } from "../recsys/lab/reranking/rerank.service.js";
import type { Imaging } from "./create-images.js";
import type { Models } from "./create-models.js";
import { loadPersonalizer } from "./create-personalizer.js";
import type { Personalizers } from "./create-personalizers.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts
  extends
    Pick<Ranking, "rankers">,
    Pick<Personalizers, "imageGenerator" | "personalizers" | "personalizerTraining" | "shop"> {
  storage: Storage;
  models: Models;
  imaging: Imaging;
}

export function createLab(parts: Parts) {
  const { imageGenerator, imaging, personalizers, personalizerTraining, rankers, shop } = parts;
  const { store, versions } = parts.storage;
  const { conditionEncoder: encoder, generator, pack } = parts.models;
  return {
    imageExperiments: new ImageExperimentService({
      shop,
      artist: new ArmArtist({ imageGenerator, encoder }),
      imageFiles: imaging.generatorFiles,
      clip: imaging.clip,
      training: personalizerTraining,
      load: artefactPath => loadPersonalizer(pack, store, artefactPath),
      generator,
      store,
    }),
    reranking: new RerankService({
      shop,
      artist: new ItemImageArtist({ imageGenerator, personalizers, encoder }),
      versions,
      registry: rankers,
      store,
    }),
  };
}
