/** @file A cache of stored images, valid while their stamps are unchanged. */
import { LRUCache } from "lru-cache";
import type { StampedImage } from "../../db/personalized-images.repository.js";
import type { PersonalizedImageRow } from "../../db/rows.js";

/** Images kept, of about 4 kB each. */
const MAX_IMAGES = 5_000;

/** A request for an image. */
export interface WantedImage {
  requestKey: string;
  /** The stamp that the image has now; null if it is not known, or there is no image. */
  imageStamp: string | null;
}

export class StoredImages {
  private readonly kept = new LRUCache<string, StampedImage>({ max: MAX_IMAGES });

  constructor(
    private readonly images: {
      findStamped(requestKeys: readonly string[]): Promise<StampedImage[]>;
    },
  ) {}

  /** The stored images of requests, at least as new as the stamps; in any order. */
  async find(wanted: readonly WantedImage[]): Promise<PersonalizedImageRow[]> {
    const found: PersonalizedImageRow[] = [];
    const missing: string[] = [];
    for (const { imageStamp, requestKey } of wanted) {
      const image = imageStamp === null ? undefined : this.kept.get(requestKey);
      if (image?.stamp === imageStamp) {
        found.push(image.row);
      } else {
        missing.push(requestKey);
      }
    }
    if (missing.length > 0) {
      for (const image of await this.images.findStamped(missing)) {
        this.kept.set(image.row.requestKey, image);
        found.push(image.row);
      }
    }
    return found;
  }
}
