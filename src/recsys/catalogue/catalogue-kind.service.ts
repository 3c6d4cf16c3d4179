/**
 * @file Whether a catalogue shows photographs or drawings: a verdict over a sample of its images.
 *
 * It is stored once it rests on enough images, and made again when the catalogue has grown to twice its size. So it
 * stays the same from start to start.
 */
import { z } from "zod";
import { getJson, jsonFile, putCached } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

/** Images looked at. */
const SAMPLE = 64;
/** A verdict on fewer images is not stored. */
const MIN_STORED = 20;
const KEY = "catalogue/kind.json";

const verdictSchema = z.object({
  kind: z.enum(["PHOTOGRAPHS", "DRAWINGS"]),
  /** Share of the sample that is of this kind, .5 to 1. */
  confidence: z.number().min(0).max(1),
  /** Images looked at. */
  numImages: z.number().int().positive(),
  /** Images of the catalogue at that time. */
  numInCatalogue: z.number().int().positive(),
});

export type CatalogueVerdict = z.infer<typeof verdictSchema>;

/** Whether a verdict rests on enough images to be stored. */
export function isStored({ numImages }: CatalogueVerdict): boolean {
  return numImages >= MIN_STORED;
}

interface Dependencies {
  catalogue: {
    countImages(): Promise<number>;
    sampleImages(limit: number): Promise<string[]>;
  };
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  /** Probability that an image is a drawing, 0..1. */
  classify(image: RgbImage): Promise<number>;
  store: Pick<ArtefactStore, "get" | "put">;
}

export class CatalogueKindService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * The stored verdict, or a new one; null where no image can be read.
   *
   * @returns `former` is the verdict that a new one replaces, where its kind is another.
   */
  async verdict(): Promise<{ verdict: CatalogueVerdict | null; former: CatalogueVerdict | null }> {
    const { catalogue, store } = this.deps;
    const stored = await storedVerdict(store);
    const numInCatalogue = await catalogue.countImages();
    if (stored && numInCatalogue < 2 * stored.numInCatalogue) {
      return { verdict: stored, former: null };
    }
    const verdict = await this.judge(numInCatalogue);
    if (!verdict || (stored && !isStored(verdict))) {
      return { verdict: stored, former: null };
    }
    if (isStored(verdict)) {
      await putCached(store, KEY, jsonFile(verdict));
    }
    return { verdict, former: stored && stored.kind !== verdict.kind ? stored : null };
  }

  private async judge(numInCatalogue: number): Promise<CatalogueVerdict | null> {
    let numImages = 0;
    let numDrawings = 0;
    for (const hash of await this.deps.catalogue.sampleImages(SAMPLE)) {
      const image = await this.deps.imageFiles.load(hash).catch(() => null); // an unreadable image has no say
      if (image) {
        numImages++;
        numDrawings += (await this.deps.classify(image)) > 0.5 ? 1 : 0;
      }
    }
    if (numImages === 0) {
      return null;
    }
    const share = numDrawings / numImages;
    const kind = share > 0.5 ? "DRAWINGS" : "PHOTOGRAPHS";
    return { kind, confidence: Math.max(share, 1 - share), numImages, numInCatalogue };
  }
}

/** The stored verdict; null without one, or if the file is damaged. */
export async function storedVerdict(
  store: Pick<ArtefactStore, "get">,
): Promise<CatalogueVerdict | null> {
  const parsed = verdictSchema.safeParse(await getJson(store, KEY).catch(() => null));
  return parsed.success ? parsed.data : null;
}
