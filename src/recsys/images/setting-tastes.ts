/**
 * @file A shopper's taste in settings: what the photographs of the retrieved items of a history say (Eq. 3), by their weights s'
 * (Eq. 5).
 */
import { type BackdropLook } from "../../ml/studio/backdrop-look.js";
import { type SettingTaste, tasteOf } from "../../ml/studio/setting-draws.js";
import type { PersonalizationContext } from "./personalization-method.js";

interface Dependencies {
  /** Hashes of the catalogue images of the items that have one. */
  images: { findImageHashes(itemIds: readonly string[]): Promise<ReadonlyMap<string, string>> };
  looks: { of(blobHash: string): Promise<BackdropLook> };
}

/** A look counts where at least this share of its border is of one colour. */
const LEAST_SHARE = 0.35;
/** The weight of a bare backdrop's product colour, against a backdrop's own: a hint, not a choice. */
const PRODUCT_WEIGHT = 0.15;

export class SettingTastes {
  constructor(private readonly deps: Dependencies) {}

  /** In the order of the contexts. */
  async of(contexts: readonly PersonalizationContext[]): Promise<SettingTaste[]> {
    const itemIds = [...new Set(contexts.flatMap(({ retrieved }) => retrieved.map(r => r.itemId)))];
    const hashes = await this.deps.images.findImageHashes(itemIds);
    return Promise.all(contexts.map(({ retrieved }) => this.taste(retrieved, hashes)));
  }

  /** What the retrieved items' photographs say, by their weights. */
  private async taste(
    retrieved: PersonalizationContext["retrieved"],
    hashes: ReadonlyMap<string, string>,
  ): Promise<SettingTaste> {
    const looks = await Promise.all(
      retrieved.map(async ({ itemId, weight }) => {
        const hash = hashes.get(itemId);
        return hash === undefined ? null : { weight, look: await this.deps.looks.of(hash) };
      }),
    );
    const colours = looks.flatMap(found => (found ? [preferred(found.look, found.weight)] : []));
    const counted = colours.filter(({ weight }) => weight > 0);
    return tasteOf(counted.length > 0 ? counted : [{ colour: [0.86, 0.002, 0.008], weight: 1 }]);
  }
}

/** The backdrop's colour; of a bare or restless one, a pale tone of the product's. */
function preferred({ backdrop, isBare, product, share }: BackdropLook, weight: number) {
  if (!isBare && share >= LEAST_SHARE) {
    return { colour: backdrop, weight: weight * share };
  }
  const [lightness, a, b] = product;
  const pale = [0.68 + 0.25 * lightness, 0.6 * a, 0.6 * b] as const;
  return { colour: pale, weight: weight * PRODUCT_WEIGHT };
}
