/** @file A personalizer of a model pack with its language model: untrained, or from the files of a version. */
import { z } from "zod";
import { decodeFiles } from "../db/artefact-files.js";
import type { ArtefactStore } from "../db/artefact-store.js";
import {
  defaultPersonalizerConfig,
  type PersonalizerConfig,
} from "../ml/personalizer/personalizer-config.js";
import { decodePersonalizer } from "../ml/personalizer/personalizer-files.js";
import { Personalizer } from "../ml/personalizer/personalizer.js";
import type { ModelPack } from "../ml/runtime/model-pack.js";
import type { PersonalizerModel } from "../recsys/images/personalizer-model.js";
import { type Language, loadLanguage } from "./load-language.js";

/** From this width of the language model on, the Modal Mapper is GILL's. */
const GILL_WIDTH = 512;
/** For a language model of some millions of parameters. */
const smallMapper = { width: 128, numLayers: 2, numHeads: 4, feedForwardSize: 512 };

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `INVALID_ARGUMENT` */
export async function createPersonalizer(
  pack: ModelPack,
  given: Readonly<Record<string, unknown>>,
  seed: number,
): Promise<PersonalizerModel> {
  const { numImageTokens } = { ...defaultPersonalizerConfig, ...given } as PersonalizerConfig; // checked by create
  const language = await loadTrainable(pack, numImageTokens, seed);
  const { hiddenSize } = language.llm.config;
  const config = {
    ...defaultPersonalizerConfig,
    ...(hiddenSize < GILL_WIDTH && { mapper: smallMapper }),
    ...(await sizesOf(pack)),
    ...given,
  };
  return modelOf(Personalizer.create(config, language.llm, seed), language);
}

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export async function loadPersonalizer(
  pack: ModelPack,
  store: ArtefactStore,
  artefactPath: string,
): Promise<PersonalizerModel> {
  const stored = await decodeFiles(store, artefactPath, decodePersonalizer);
  const language = await loadTrainable(pack, stored.config.numImageTokens, 0);
  return modelOf(Personalizer.restore(stored, language.llm), language);
}

/** The language model with adapters and image tokens to train, and the prompt p_g. */
function loadTrainable(pack: ModelPack, numImageTokens: number, seed: number): Promise<Language> {
  return loadLanguage(pack, "preference.v1", { lora: {}, numImageTokens, seed });
}

function modelOf(
  personalizer: Personalizer,
  { llm, prompt, tokenizer }: Language,
): PersonalizerModel {
  const { exploration, form } = personalizer.config;
  return {
    startsAtImageTokens: form === "slots",
    startsAtRanker: personalizer.config.startsAtRanker,
    readsRankerPreference: personalizer.config.rankerPreference,
    explore: (samples, { count }) => {
      if (form === "slots" && exploration === "preference") {
        // No more directions than samples, less one for their mean.
        personalizer.explore(samples, { count: Math.min(count, samples.shape[0] - 1) });
      }
    },
    policy: inputs => personalizer.policy(inputs),
    trainStep: rollouts => personalizer.trainStep(rollouts),
    trainToward: (lessons, scale) => personalizer.trainToward(lessons, scale),
    toFiles: lineage => personalizer.toFiles(lineage),
    encodeTraining: () => personalizer.encodeTraining(),
    restoreTraining: bytes => {
      personalizer.restoreTraining(bytes);
    },
    promptIds: keywords =>
      prompt.encode(tokenizer, { keywords: keywords.join(", ") }, llm.imageTokenIds),
    dispose: () => {
      personalizer.dispose();
      llm.dispose();
    },
  };
}

/** Widths of the condition and of CLIP's space, and how many tokens a picture's embedding becomes. */
async function sizesOf(pack: ModelPack) {
  const unet = await pack.readJson(
    "unet/config.json",
    z.looseObject({ cross_attention_dim: z.int() }),
  );
  const clip = await pack.readJson("clip/config.json", z.looseObject({ projection_dim: z.int() }));
  const image = await pack.readJson(
    "image_projection/config.json",
    z.looseObject({ num_image_text_embeds: z.int() }),
  );
  return {
    conditionSize: unet.cross_attention_dim,
    embeddingSize: clip.projection_dim,
    numPreferenceTokens: image.num_image_text_embeds,
  };
}
