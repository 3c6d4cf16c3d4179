/**
 * @file Does training move pictures to a taste? A world with a known answer: every user likes one style of sticker and nothing
 * else, and the reward is the style's probability by a classifier of colours and edges that has never seen CLIP.
 *
 * Training and validation users are different, and so are their history stickers and generated objects. P^ret is
 * what retrieval returns: the mean CLIP embedding of five stickers, here four of the user's style and one of another. The
 * prompt names the object, not the style. Runs in rounds: rollouts, a gradient step. `--arms` names the compared arms, with the
 * same noise: `rank` (the default configuration), `beta0` (without the reward), `directions` (exploration along the
 * image tokens' principal directions). Options as `--name=value`. Needs `npm run build`, `--stickers=DIR` of `vitrine stickers export`, and a pack with
 * a language model.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { ClipEncoder } from "../dist/ml/clip/clip-encoder.js";
import { Autoencoder } from "../dist/ml/diffusion/autoencoder.js";
import { ConditionEncoder } from "../dist/ml/diffusion/condition-encoder.js";
import { defaultPersonalizerConfig } from "../dist/ml/personalizer/personalizer-config.js";
import { explored, Personalizer } from "../dist/ml/personalizer/personalizer.js";
import { DiffusionPipeline } from "../dist/ml/diffusion/pipeline.js";
import { LlamaTokenizer } from "../dist/ml/language/llama-tokenizer.js";
import { Llama } from "../dist/ml/language/llama.js";
import { PromptTemplate } from "../dist/ml/language/prompt-template.js";
import { bootstrapInterval, mean } from "../dist/ml/metrics/bootstrap.js";
import { Random, seedFrom } from "../dist/ml/nn/random.js";
import { matrix } from "../dist/ml/nn/matrix.js";
import { rewards } from "../dist/ml/reflection/rank-reward.js";
import { openModelPack } from "../dist/ml/runtime/model-pack.js";
import { loadTfjsBackend } from "../dist/ml/runtime/tfjs-backend.js";

const BATCH = 8;
const NUM_STICKERS = 1200;
/** The serving configuration: from the reference's image, in few steps. */
const RENDER = { prompt: "", guidanceScale: 3, numSteps: 8, strength: 0.6, sharesNoise: true };

/** @param options From the command line: `stickers`, `pack`, `steps`, `seed`, `arms`, `rate`, `sigma`. */
export async function run(options) {
  const { stickers, pack: packDir = "models/mini", arms = "rank,beta0" } = options;
  if (!stickers) {
    throw new Error("bench/style-world: give --stickers=DIR (vitrine stickers export DIR)");
  }
  const numSteps = Number(options.steps ?? 40);
  const seed = Number(options.seed ?? 1);
  const pack = await openModelPack(packDir);
  await loadTfjsBackend();
  const parts = {
    pipeline: await DiffusionPipeline.load(pack, { maxBatchSize: 4 }),
    encoder: await ConditionEncoder.load(pack),
    clip: await ClipEncoder.load(pack),
    tokenizer: await LlamaTokenizer.load(join(pack.dir, "llm")),
    prompt: await PromptTemplate.load("preference.v1"),
    pack,
  };
  const rows = readFileSync(join(stickers, "catalog.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map(line => JSON.parse(line));
  const { pipeline } = parts;
  const autoencoder = await Autoencoder.load(pack, pipeline.config);
  const world = await createWorld({ rows, stickers, seed, autoencoder, pipeline });
  console.log(
    `styles by colours and edges: ${(100 * world.accuracy).toFixed(1)} % of held-out stickers`,
  );
  const users = await createSimulatedUsers(world, parts, seed);
  const limits = await measureLimits(world, parts, users);
  console.log(`validation users' own style, untrained: ${JSON.stringify(limits)}`);
  const result = { seed, numSteps, classifierAccuracy: world.accuracy, limits, arms: {} };
  for (const arm of arms.split(",").filter(name => name !== "none")) {
    result.arms[arm] = await train(arm, { ...parts, ...users, world, numSteps, seed, options });
  }
  return result;
}

/** Stickers with images and classifier features, and the classifier. */
async function createWorld({ rows, stickers, seed, autoencoder, pipeline }) {
  const size = pipeline.config.widthPixels;
  const random = new Random(seedFrom("style world", seed));
  const styles = [...new Set(rows.map(row => row.style))].sort();
  const chosen = random.shuffled(rows).slice(0, NUM_STICKERS);
  const samples = await Promise.all(
    chosen.map(async row => {
      const { data } = await sharp(join(stickers, row.file))
        .flatten({ background: "white" })
        .resize(size, size)
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const image = { widthPixels: size, heightPixels: size, pixels: new Uint8Array(data) };
      return { ...row, image, style: styles.indexOf(row.style) };
    }),
  );
  // As the autoencoder decodes them, like all generated images.
  for (const sample of samples) {
    const [redrawn] = await autoencoder.decode(await autoencoder.encode(sample.image));
    sample.seen = imageStatistics(redrawn);
  }
  const numLearn = Math.round(0.8 * NUM_STICKERS);
  const [learn, test] = [samples.slice(0, numLearn), samples.slice(numLearn)];
  const classify = trainedClassifier(learn, styles.length, random);
  const accuracy =
    test.filter(({ seen, style }) => argmax(classify(seen)) === style).length / test.length;
  return { styles, samples, classify, accuracy };
}

/** Histograms of colours (4 x 4 x 4), of steps between neighbours along both axes (8 bins), and the part that is white. */
function imageStatistics({ widthPixels: W, heightPixels: H, pixels }) {
  const colours = new Float32Array(64);
  const edges = new Float32Array(16);
  let white = 0;
  const light = at => (pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3;
  const bin = step => Math.min(7, Math.floor(Math.log2(1 + Math.abs(step))));
  for (let y = 0; y < H - 1; y++) {
    for (let x = 0; x < W - 1; x++) {
      const at = 3 * (y * W + x);
      const isWhite = pixels[at] > 240 && pixels[at + 1] > 240 && pixels[at + 2] > 240;
      white += isWhite ? 1 : 0;
      if (!isWhite) {
        colours[(pixels[at] >> 6) * 16 + (pixels[at + 1] >> 6) * 4 + (pixels[at + 2] >> 6)]++;
      }
      edges[bin(light(at + 3) - light(at))]++;
      edges[8 + bin(light(at + 3 * W) - light(at))]++;
    }
  }
  const area = (W - 1) * (H - 1);
  return [...colours, ...edges, white].map(count => Math.sqrt(count / area));
}

/** Softmax regression on standardised statistics, by full gradient descent with momentum. */
function trainedClassifier(samples, numStyles, random) {
  const F = samples[0].seen.length;
  const mean = new Float64Array(F);
  const spread = new Float64Array(F).fill(1e-6);
  samples.forEach(({ seen }) => seen.forEach((x, f) => (mean[f] += x / samples.length)));
  samples.forEach(({ seen }) =>
    seen.forEach((x, f) => (spread[f] += (x - mean[f]) ** 2 / samples.length)),
  );
  const scaled = seen => [1, ...seen.map((x, f) => (x - mean[f]) / Math.sqrt(spread[f] + 1e-4))];
  const inputs = samples.map(({ seen }) => scaled(seen));
  const weights = Array.from({ length: numStyles }, () =>
    Float64Array.from({ length: F + 1 }, () => 0.01 * random.normal()),
  );
  const momenta = weights.map(row => new Float64Array(row.length));
  const probabilities = x => softmax(weights.map(row => row.reduce((s, w, f) => s + w * x[f], 0)));
  for (let round = 0; round < 150; round++) {
    const gradients = weights.map(row => row.map(w => 1e-2 * w));
    inputs.forEach((x, i) => {
      probabilities(x).forEach((p, s) => {
        const error = (p - (s === samples[i].style ? 1 : 0)) / inputs.length;
        x.forEach((value, f) => (gradients[s][f] += error * value));
      });
    });
    weights.forEach((row, s) =>
      row.forEach((_, f) => {
        momenta[s][f] = 0.9 * momenta[s][f] - 0.3 * gradients[s][f];
        row[f] += momenta[s][f];
      }),
    );
  }
  return seen => probabilities(scaled(seen));
}

/** Pairs of a user and an object; training and validation pairs share no sticker. */
async function createSimulatedUsers(
  { samples, styles },
  { clip, encoder, prompt, tokenizer },
  seed,
) {
  const random = new Random(seedFrom("shoppers", seed));
  const embeddings = await clip.encodeImages(samples.map(({ image }) => image));
  const tokens = matrix([200, (await encoder.projectImage(embeddings[0])).tokens.length]);
  for (let s = 0; s < 200; s++) {
    tokens.values.set((await encoder.projectImage(embeddings[s])).tokens, s * tokens.shape[1]);
  }
  const half = samples.length / 2;
  const user = async part => {
    const pool = samples
      .map((sample, i) => ({ ...sample, i }))
      .filter(({ i }) => i < half === part);
    const style = random.int(styles.length);
    const draw = candidates => candidates[random.int(candidates.length)];
    const own = pool.filter(sample => sample.style === style);
    const history = [draw(own), draw(own), draw(own), draw(own), draw(pool)];
    const retrieved = new Float32Array(embeddings[0].length);
    history.forEach(({ i }) => embeddings[i].forEach((x, e) => (retrieved[e] += x / 5)));
    const reference = draw(pool);
    const [key] = await encoder.encodeTexts([reference.title]);
    const image = await encoder.projectImage(retrieved);
    const [semantic] = await clip.encodeTexts([reference.caption]);
    const ids = imageTokenIds =>
      prompt.encode(
        tokenizer,
        { keywords: history.flatMap(({ keywords }) => keywords.slice(0, 2)).join(", ") },
        imageTokenIds,
      );
    const rest = {
      keyStates: matrix([key.numTokens, key.dimension], key.tokens),
      retrieved,
      semantic,
      imageTokens: matrix([image.numTokens, image.dimension], image.tokens),
    };
    return { style, rest, ids, initImage: reference.image, seed: random.int(2 ** 31 - 1) };
  };
  const learners = [];
  const validationUsers = [];
  for (let n = 0; n < 160; n++) {
    learners.push(await user(true));
  }
  for (let n = 0; n < 48; n++) {
    validationUsers.push(await user(false));
  }
  const styleEmbeddings = styles.map((_, style) => {
    const sum = new Float32Array(embeddings[0].length);
    const own = embeddings.filter((_, i) => samples[i].style === style);
    own.forEach(embedding => embedding.forEach((x, e) => (sum[e] += x / own.length)));
    return sum;
  });
  return { learners, validationUsers, tokens, styleEmbeddings };
}

/** The effect of image tokens on the images: of none, of P^ret, of the style itself, and of twice the style. */
async function measureLimits(world, { encoder, pipeline }, { validationUsers, styleEmbeddings }) {
  const kinds = {
    silent: ({ rest }) => new Float32Array(rest.imageTokens.values.length),
    retrieved: ({ rest }) => rest.imageTokens.values,
    style: async ({ style }) => (await encoder.projectImage(styleEmbeddings[style])).tokens,
    styleTwice: async user => (await kinds.style(user)).map(x => 2 * x),
  };
  const result = {};
  for (const [name, tokensOf] of Object.entries(kinds)) {
    const own = [];
    for (const user of validationUsers) {
      const condition = Float32Array.of(...(await tokensOf(user)), ...user.rest.keyStates.values);
      own.push(...(await ownStyle(world, pipeline, user, [condition])));
    }
    result[name] = Number(mean(own).toFixed(4));
  }
  return result;
}

/** The probability of the user's style in the image of each condition, all from the same noise. */
async function ownStyle(world, pipeline, { initImage, seed, style }, conditions) {
  const request = { ...RENDER, conditions, numImages: conditions.length, initImage, seed };
  const images = await pipeline.generate(request);
  return images.map(image => world.classify(imageStatistics(image))[style]);
}

async function train(arm, parts) {
  const { validationUsers, learners, numSteps, options, pack, pipeline, seed, tokens, world } =
    parts;
  const llm = await Llama.load(join(pack.dir, "llm"), { lora: {}, numImageTokens: 4, seed });
  const [{ rest }] = learners;
  const config = {
    ...defaultPersonalizerConfig,
    conditionSize: rest.keyStates.shape[1],
    embeddingSize: rest.retrieved.length,
    numPreferenceTokens: rest.imageTokens.shape[0],
    mapper: { width: 128, numLayers: 2, numHeads: 4, feedForwardSize: 512 },
    rewardMode: "flipped",
    learningRate: Number(options.rate ?? 1e-3),
    sigma: Number(options.sigma ?? 0.1),
    beta: arm === "beta0" ? 0 : 1,
  };
  const personalizer = Personalizer.create(config, llm, seed);
  if (arm === "directions") {
    personalizer.explore(tokens, { count: 32, seed });
  }
  const inputOf = ({ ids, rest: constants }) => ({ ...constants, llmIds: ids(llm.imageTokenIds) });
  const styleOf = (user, conditions) => ownStyle(world, pipeline, user, conditions);
  const measure = async () => {
    const policies = personalizer.policy(validationUsers.map(inputOf));
    const result = [];
    for (const [i, user] of validationUsers.entries()) {
      result.push(...(await styleOf(user, [policies[i].mean])));
    }
    return result;
  };
  const random = new Random(seedFrom("training", seed));
  const started = performance.now();
  const before = await measure();
  let gradientSeconds = 0;
  let queue = [];
  for (let step = 1; step <= numSteps; step++) {
    queue = queue.length < BATCH ? random.shuffled(learners) : queue;
    const batch = queue.splice(0, BATCH);
    const inputs = batch.map(inputOf);
    const policies = personalizer.policy(inputs);
    const rollouts = [];
    for (const [b, user] of batch.entries()) {
      const { mean } = policies[b];
      const noises = Array.from({ length: config.numRollouts }, () => random.normals(mean.length));
      const actions = noises.map(noise => explored(policies[b], noise));
      const generated = await styleOf(user, actions);
      const scores = { reference: 0, key: 0, generated }; // the reward is twice the probability
      rollouts.push({ input: inputs[b], noises, rewards: rewards(config.rewardMode, scores, 0) });
    }
    const begun = performance.now();
    const terms = personalizer.trainStep(rollouts);
    gradientSeconds += (performance.now() - begun) / 1000;
    if (step % 10 === 0) {
      const reward = mean(rollouts.flatMap(({ rewards: all }) => all));
      console.log(
        `${arm} step ${step}: mean reward ${reward.toFixed(3)}, L_cal ${terms.calibration.toFixed(4)}`,
      );
    }
  }
  const after = await measure();
  const gains = after.map((p, i) => p - before[i]);
  const interval = bootstrapInterval(gains, 2_000, new Random(seed));
  const result = {
    before: mean(before),
    after: mean(after),
    gain: mean(gains),
    interval,
    gradientSecondsPerStep: gradientSeconds / numSteps,
    seconds: (performance.now() - started) / 1000,
  };
  console.log(arm, JSON.stringify(result));
  personalizer.dispose();
  llm.dispose();
  return result;
}

const argmax = values => values.indexOf(Math.max(...values));

function softmax(logits) {
  const most = Math.max(...logits);
  const weights = logits.map(logit => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => weight / total);
}
