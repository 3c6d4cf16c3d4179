/** @file Draws the planned pictures of items and gives their embeddings. */
import { AppError } from "../../../errors/app-error.js";
import type { ConditionEncoder } from "../../../ml/diffusion/condition-encoder.js";
import { seedFrom } from "../../../ml/nn/random.js";
import type { CachedImageGenerator } from "../../images/cached-image-generator.js";
import type { LoadedPersonalizer } from "../../images/condition.service.js";
import { personalizerInputs } from "../../images/personalizer-model.js";
import { type Pair, pairRetrieval } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { RerankConfig } from "./rerank-config.js";
import type { RerankHooks } from "./rerank.service.js";

/** Pairs asked for at once: the renderer has its next request before the last is encoded. */
const AT_ONCE = 4;

interface Dependencies {
  imageGenerator: CachedImageGenerator;
  personalizers: { active(): Promise<LoadedPersonalizer | null> };
  encoder(): Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
}

export class ItemImageArtist {
  constructor(private readonly deps: Dependencies) {}

  /** What pictures are made with when nothing else is asked for. */
  async condition(): Promise<"RAGAR" | "plain"> {
    return (await this.deps.personalizers.active()) ? "RAGAR" : "plain";
  }

  /**
   * CLIP embeddings of each item's pictures, in the order planned.
   *
   * @throws AppError `PERSONALIZER_NOT_FOUND` when the condition is RAGAR's and no version is active.
   */
  async draw(
    shop: ShopSnapshot,
    planned: ReadonlyMap<number, readonly Pair[]>,
    config: RerankConfig,
    { onProgress, signal }: RerankHooks,
  ): Promise<Map<number, Float32Array[]>> {
    const loaded = config.condition === "RAGAR" ? await this.deps.personalizers.active() : null;
    if (config.condition === "RAGAR" && !loaded) {
      throw new AppError("PERSONALIZER_NOT_FOUND", { versionId: "active" });
    }
    const pairs = [...planned.values()].flat();
    const embeddings = new Map<number, Float32Array[]>();
    for (let start = 0; start < pairs.length; start += AT_ONCE) {
      signal?.throwIfAborted();
      const batch = pairs.slice(start, start + AT_ONCE);
      const drawn = await this.drawBatch(shop, batch, config, { loaded, signal });
      batch.forEach(({ itemIndex }, place) => {
        embeddings.set(itemIndex, [...(embeddings.get(itemIndex) ?? []), drawn[place]]);
      });
      const done = Math.min(start + AT_ONCE, pairs.length);
      onProgress?.({ fraction: done / pairs.length, stage: `picture ${done} of ${pairs.length}` });
    }
    return embeddings;
  }

  private async drawBatch(
    shop: ShopSnapshot,
    pairs: readonly Pair[],
    config: RerankConfig,
    { loaded, signal }: { loaded: LoadedPersonalizer | null; signal?: AbortSignal },
  ): Promise<Float32Array[]> {
    const { guidanceScale, numSteps, strength } = config;
    const contexts = pairs.map(pair => pairRetrieval(shop, pair, config));
    const encoder = await this.deps.encoder();
    const policies = loaded?.model.policy(
      await personalizerInputs(loaded.model, encoder, contexts),
    );
    const drawn = pairs.map((pair, index) => {
      const { preferenceEmbedding, prompt } = contexts[index];
      return this.deps.imageGenerator.draw(
        {
          blobHash: pair.blobHash,
          prompt,
          ...(policies
            ? { conditions: [policies[index].mean] }
            : { imageEmbedding: preferenceEmbedding ?? undefined }),
          guidanceScale,
          numSteps,
          strength,
          seed: seedFrom("rerank", config.seed, pair.userId, pair.itemId),
          numImages: 1,
        },
        { signal },
      );
    });
    return (await Promise.all(drawn)).map(([{ embedding }]) => embedding);
  }
}
