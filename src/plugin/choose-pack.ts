/** @file Which model pack a process opens: the configured one, or by `auto` the one that fits the catalogue. */
import type { Logger } from "pino";
import { z } from "zod";
import {
  type BundledPack,
  bundledPackFolder,
  bundledPacks,
  type Config,
  isBundledPack,
} from "../config/config.js";
import { getJson, jsonFile, putCached } from "../db/artefact-files.js";
import type { ArtefactStore } from "../db/artefact-store.js";
import { decodeRgb, encodePng } from "../db/image-codec.js";
import { PictureKindClassifier } from "../ml/clip/picture-kind.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import {
  CatalogueKindService,
  type CatalogueVerdict,
  isStored,
} from "../recsys/catalogue/catalogue-kind.service.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import type { Storage } from "./create-storage.js";
import { lazy } from "./lazy.js";

/** The pack of an empty catalogue, until its first import is indexed. */
const EMPTY: BundledPack = "mini";
const PACKS: Readonly<Record<CatalogueVerdict["kind"], BundledPack>> = {
  DRAWINGS: "mini",
  PHOTOGRAPHS: "studio",
};
/** The last choice by `auto`. */
const KEY = "catalogue/pack.json";

const storedChoiceSchema = z.object({
  pack: z.enum(bundledPacks),
  /** Whether what is indexed was made for an empty catalogue. */
  wasEmpty: z.boolean(),
});

type StoredChoice = z.infer<typeof storedChoiceSchema>;

export interface PackChoice {
  /** Absolute path of the pack's folder. */
  folder: string;
  /** Why this pack: named by `VITRINE_MODELS`; of the index; of the verdict; or no image to judge by. */
  reason: "CONFIGURED" | "INDEX" | "CATALOGUE" | "EMPTY";
  /** What the catalogue shows; null without an image to judge by. */
  verdict: CatalogueVerdict | null;
  /** Whether the index was made by another pack, so that an indexing is due. */
  needsIndexing: boolean;
}

/**
 * Decides once per process, and logs why. An existing index keeps its pack, because another encoder would need every
 * embedding again; an index that was made while the catalogue was still empty at the start only does until a verdict
 * rests on enough images.
 */
export async function choosePack(
  { blobs, catalogueSample, store }: Pick<Storage, "blobs" | "catalogueSample" | "store">,
  { modelsFolder, onnxThreads }: Pick<Config, "modelsFolder" | "onnxThreads">,
  logger: Pick<Logger, "info" | "warn">,
): Promise<PackChoice> {
  const classifier = lazy(async () => {
    const pack = await openModelPack(bundledPackFolder("studio"));
    await pack.verifyParts("clip");
    return PictureKindClassifier.load(pack, { numThreads: onnxThreads });
  });
  const kinds = new CatalogueKindService({
    catalogue: catalogueSample,
    imageFiles: new ImageFiles({ blobs, decode: decodeRgb, encode: encodePng }),
    classify: async image => (await (await classifier()).drawingProbabilities([image]))[0],
    store,
  });
  const { former: before, verdict } = await kinds.verdict();
  await (await classifier.peek())?.dispose();
  const seen = verdict ? describe(verdict) : "the catalogue has no image";
  if (before) {
    logger.warn({ before, verdict }, `${seen}; before, it showed ${before.kind.toLowerCase()}`);
  }
  if (modelsFolder !== null) {
    return { folder: modelsFolder, reason: "CONFIGURED", verdict, needsIndexing: false };
  }
  const wanted = verdict ? PACKS[verdict.kind] : EMPTY;
  const indexed = await packOfIndex(catalogueSample);
  const former = await storedPackChoice(store);
  const wasEmpty = former?.wasEmpty ?? false;
  const isSure = verdict !== null && isStored(verdict);
  const isKept = indexed !== null && !(wasEmpty && isSure);
  const pack = isKept ? indexed : wanted;
  // Until an indexing run with the chosen pack, what is indexed still counts as made for an empty catalogue.
  const isStillEmpty = !isSure && (verdict === null || wasEmpty);
  const isOutdated = wasEmpty && indexed !== null && indexed !== pack;
  if (former?.pack !== pack || wasEmpty !== (isStillEmpty || isOutdated)) {
    const choice = { pack, wasEmpty: isStillEmpty || isOutdated };
    await putCached(store, KEY, jsonFile(choice satisfies StoredChoice));
  }
  if (pack !== wanted) {
    logger.warn(
      { pack, verdict },
      `${seen}, which '${wanted}' suits; the index was made with '${pack}' and keeps it: ` +
        `'VITRINE_MODELS=${wanted} vitrine index --rebuild' changes to '${wanted}'`,
    );
  } else if (indexed !== null && indexed !== pack) {
    logger.warn(
      { pack, verdict },
      `${seen}: the pack is now '${pack}'; 'vitrine index' encodes the catalogue with it`,
    );
  } else {
    logger.info({ pack, verdict }, `${seen}: the model pack is '${pack}'`);
  }
  const byVerdict = verdict ? "CATALOGUE" : "EMPTY";
  return {
    folder: bundledPackFolder(pack),
    reason: isKept ? "INDEX" : byVerdict,
    verdict,
    needsIndexing: isOutdated,
  };
}

/** A sentence for people. */
export function describe({ confidence, kind, numImages }: CatalogueVerdict): string {
  const numAgreeing = Math.round(confidence * numImages);
  return `the catalogue shows ${kind.toLowerCase()} (${numAgreeing} of ${numImages} images)`;
}

/** The bundled pack whose encoder made the stored embeddings; null without one. */
async function packOfIndex(
  catalogue: Pick<Storage["catalogueSample"], "indexedEncoder">,
): Promise<BundledPack | null> {
  const name = (await catalogue.indexedEncoder())?.split("/")[0] ?? "";
  return isBundledPack(name) ? name : null;
}

/** What `auto` chose last; null before, or if the file is damaged. */
export async function storedPackChoice(
  store: Pick<ArtefactStore, "get">,
): Promise<StoredChoice | null> {
  const parsed = storedChoiceSchema.safeParse(await getJson(store, KEY).catch(() => null));
  return parsed.success ? parsed.data : null;
}
