/**
 * @file A bank of drawn conditions: training pairs, each with the conditions of the menu (`condition-menu.ts`), drawn once on the
 * image path and kept as CLIP features. Critic, distillation and surrogate learn from it; arms and seeds share it.
 *
 * Kept as `kept-bank.ts` says. The key has the generator, the ranking model, the pairs with their features, and how images are drawn:
 * a bank of another pack or ranker is another bank.
 *
 * Shapes: N conditions of a pair, E width of CLIP's features.
 */
import pLimit from "p-limit";
import { drawCandidates } from "../images/image-path.js";
import { type PersonalizerInput, personalizerInputs } from "../images/personalizer-model.js";
import { conditionMenu } from "./condition-menu.js";
import {
  type BankEntry,
  type BankHooks,
  bankKey,
  type ConditionBank,
  keptBank,
  rowsOf,
} from "./kept-bank.js";
import { choicePairs, type Pair } from "./pairs.js";
import { rolloutRequest, type RolloutParts } from "./rollouts.js";

/** What of a training's parts the bank depends on. */
export type BankParts = Omit<RolloutParts, "seed">;

/** Increase when the same key would give other images. */
const BANK_VERSION = 1;
/** Pairs at a time: the render pool takes turns. */
const AT_ONCE = 4;
/** Of the pairs, their conditions and their noise: one bank for all seeds of training. */
const BANK_SEED = 0;

/**
 * The bank of a shop, drawn as far as it is not kept.
 *
 * @throws AppError FILE_MALFORMED for a kept file of another bank; as the image path.
 */
export async function conditionBank(parts: BankParts, hooks: BankHooks): Promise<ConditionBank> {
  const { config, path, shop, signal } = parts;
  const pairs = choicePairs(shop, { numPairs: config.numBankPairs, seed: BANK_SEED });
  const { guidanceScale, historyLimit, k, numSteps, strength } = config;
  const key = bankKey(shop, pairs, [
    BANK_VERSION,
    path.generator.version,
    shop.ranker.versionId,
    { guidanceScale, historyLimit, k, numSteps, strength },
  ]);
  return keptBank({ key, pairs, draw: own => drawEntries(parts, own), signal }, hooks);
}

async function drawEntries(parts: BankParts, pairs: readonly Pair[]): Promise<BankEntry[]> {
  const { config, encoder, path, shop, signal } = parts;
  const requests = pairs.map(pair => rolloutRequest({ ...parts, seed: BANK_SEED }, pair));
  const contexts = requests.map(({ context }) => context);
  const inputs = await personalizerInputs({ promptIds: () => [] }, encoder, contexts);
  const limit = pLimit(AT_ONCE);
  return Promise.all(
    pairs.map((pair, at) =>
      limit(async (): Promise<BankEntry> => {
        const { retrieved } = inputs[at];
        const menu = conditionMenu(shop, pair, { ...config, retrieved });
        const conditions: Float32Array[] = [];
        for (const { embedding } of menu) {
          conditions.push(conditionOf(await tokensOf(encoder, embedding), inputs[at]));
        }
        const request = { ...requests[at], sharesNoise: true, numImages: conditions.length };
        const unranked = { ...path, ranker: null };
        const options = { cache: false, signal };
        const attended = { prompt: "", conditions };
        const { embeddings } = await drawCandidates(unranked, request, attended, options);
        return {
          pair,
          names: menu.map(({ name }) => name),
          conditions: rowsOf(menu.map(({ embedding }) => embedding)),
          features: rowsOf(embeddings),
        };
      }),
    ),
  );
}

/** The generator's image tokens of an embedding; `[Q D]`. */
export async function tokensOf(
  encoder: BankParts["encoder"],
  embedding: Float32Array,
): Promise<Float32Array> {
  const image = await encoder.projectImage(embedding);
  if (!image) {
    throw new Error("tokensOf: expected a model pack that takes image embeddings");
  }
  return image.tokens;
}

/** What an untrained personalizer of the form `slots` gives for these image tokens: they, then E^key. */
function conditionOf(tokens: Float32Array, { keyStates }: PersonalizerInput): Float32Array {
  const condition = new Float32Array(tokens.length + keyStates.values.length);
  condition.set(tokens);
  condition.set(keyStates.values, tokens.length);
  return condition;
}
