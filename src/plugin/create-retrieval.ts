/** @file What finds items: the caption index, its upkeep, retrieval for a user, and similar items. */
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { Recognizer, recognizerOf } from "../ml/captioning/recognizer.js";
import { IndexingService } from "../recsys/retrieval/indexing.service.js";
import { KeywordExtraction } from "../recsys/retrieval/keyword-extraction.js";
import { LiveCaptionIndex } from "../recsys/retrieval/live-caption-index.js";
import { RetrievalService } from "../recsys/retrieval/retrieval.service.js";
import { ShopLanguageService } from "../recsys/retrieval/shop-language.service.js";
import { SimilarItemsService } from "../recsys/retrieval/similar-items.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import type { Storage } from "./create-storage.js";
import { lazy } from "./lazy.js";

interface Parts {
  storage: Storage;
  config: Pick<Config, "captions" | "keywords" | "language">;
  logger: Pick<Logger, "error">;
  models: Models;
  imaging: Pick<Imaging, "imageFiles">;
}

export async function createRetrieval({ config, imaging, logger, models, storage }: Parts) {
  const { captions, embeddings, store, items, keywords, retrievalRows, shopTexts } = storage;
  const { variantImages } = storage;
  const { encoder, encoderId, pack } = models;
  const index = new LiveCaptionIndex({
    encoder: encoderId,
    dimension: encoder.dimension,
    store,
    embeddings,
    onFault: error => {
      logger.error({ err: error }, "the stored caption index is not the one that serves");
    },
  });
  const recognizer = lazy(async () => Recognizer.load(pack, await models.clip()));
  const recognizerId = pack.has("captioner") ? null : await recognizerOf(pack);
  const indexing = lazy(
    async () =>
      new IndexingService({
        // Loaded when it is first used: captions from text need no captioner.
        captioner: pack.has("captioner")
          ? {
              name: `${pack.name}/captioner`,
              version: pack.versionOf("captioner"),
              caption: async batch => (await models.captioner()).caption(batch),
            }
          : null,
        recognizer: recognizerId && {
          ...recognizerId,
          caption: async batch => (await recognizer()).caption(batch),
        },
        clip: await models.clip(),
        imageFiles: { loadRgb: hash => imaging.imageFiles.load(hash) },
        captions,
        language: new ShopLanguageService({ texts: shopTexts, configured: config.language }),
        captionMode: config.captions,
        captionAgreement: pack.manifest?.captionAgreement,
        embeddings,
        variantImages,
        index,
        keywords: new KeywordExtraction({
          rows: keywords,
          model: config.keywords === "model" ? models.keywordModel : null,
        }),
      }),
  );
  return {
    index,
    indexing,
    retrieval: new RetrievalService({ encoder: encoderId, rows: retrievalRows }),
    similar: new SimilarItemsService({
      index,
      items: {
        existing: ids => items.existing(ids),
        findTraits: ids => embeddings.findTraits(encoderId, ids),
        sampleTraits: limit => embeddings.sampleTraits(encoderId, limit),
      },
    }),
  };
}
