/**
 * @file Which image of an item each user is shown, as the surrogate predicts it from train parts alone.
 *
 * - `perUser`, `augment`: the one made for the user (`user-images.ts`);
 * - `tastes`: the one made for the user's taste cluster, which all users of the cluster share (`tastes.ts`).
 */
import { createHash } from "node:crypto";
import type { Matrix } from "../../../ml/nn/matrix.js";
import type { PersonalViews } from "../../../ml/ranking/recommender.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { ImageSurrogate, PredictedImages } from "./image-surrogate.js";
import type { RerankConfig } from "./rerank-config.js";
import { type Tastes, tastesOf } from "./tastes.js";
import { UserImages } from "./user-images.js";

type Config = Pick<
  RerankConfig,
  "mode" | "k" | "historyLimit" | "numTastes" | "viewShare" | "seed"
>;

export class ShownImages {
  private readonly readers = new Map<number, UserImages>();
  /** By item, of every taste; few enough to keep. */
  private readonly ofTastes = new Map<number, Map<number, Float32Array | null>>();
  readonly tastes: Tastes | null;

  constructor(
    private readonly shop: ShopSnapshot,
    private readonly predicted: PredictedImages,
    private readonly config: Config,
    features: Matrix,
  ) {
    this.tastes = config.mode === "tastes" ? tastesOf(shop, features, config) : null;
  }

  /** Of a user of the snapshot; null where nothing can be compared. `[E]` */
  of(user: number, item: number): Float32Array | null {
    const { tastes } = this;
    if (!tastes) {
      return this.made(user, item);
    }
    const taste = tastes.tasteOf[user];
    const known = this.ofTastes.get(taste) ?? new Map<number, Float32Array | null>();
    this.ofTastes.set(taste, known);
    const image = known.has(item) ? known.get(item)! : this.made(taste, item);
    known.set(item, image);
    return image;
  }

  /** For training beside the catalogue images. */
  views({ stamp, weights }: ImageSurrogate): PersonalViews {
    const { historyLimit, k, mode, numTastes, viewShare: share } = this.config;
    const options = [stamp, mode, k, historyLimit, mode === "tastes" ? numTastes : null];
    const hash = createHash("sha256").update(JSON.stringify(options)).update(weights.values);
    return { id: hash.digest("hex"), share, of: (user, item) => this.of(user, item) };
  }

  /** @param reader A user, or with tastes a taste. */
  private made(reader: number, item: number): Float32Array | null {
    const images = this.readers.get(reader) ?? this.readerOf(reader);
    this.readers.set(reader, images);
    const preference = images.preferenceFor(item);
    return preference && this.predicted.of(item, preference);
  }

  private readerOf(reader: number): UserImages {
    return this.tastes
      ? new UserImages(this.shop, this.tastes.timelines[reader], this.config)
      : UserImages.ofTrain(this.shop, reader, this.config);
  }
}
