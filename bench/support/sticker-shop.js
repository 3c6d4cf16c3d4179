/** The sticker shop of 300 concepts in memory, with captions that name only the object, for benchmarks of ranking models. */
import { bundledPackFolder } from "../../dist/config/config.js";
import { decodeRgb } from "../../dist/db/image-codec.js";
import { ClipEncoder } from "../../dist/ml/clip/clip-encoder.js";
import { matrix } from "../../dist/ml/nn/matrix.js";
import { openModelPack } from "../../dist/ml/runtime/model-pack.js";
import { drawSticker, plainStickerCaption } from "../../dist/recsys/datasets/sticker-art.js";
import { stickerConcepts } from "../../dist/recsys/datasets/sticker-concepts.js";
import { shopStyles } from "../../dist/recsys/datasets/sticker-styles.js";
import { defaultSimulatedUsers, simulatedLikes } from "../../dist/recsys/datasets/sticker-users.js";
import { ratioSplit } from "../../dist/recsys/evaluation/splits.js";

/** Features of the pack `mini`, the properties that users react to, and the users' choices by time, 8 : 1 : 1. */
export async function stickerShop(kept, numUsers) {
  const items = stickerConcepts(300).flatMap(concept =>
    shopStyles.map(style => ({ concept, style, id: `${style}:${concept.slug}` })),
  );
  const { colors, images, texts } = await kept("stickers", () => encoded(items));
  const seen = items.map(({ concept, id, style }, n) => ({
    id,
    style,
    concept: concept.slug,
    group: concept.group,
    colors: colors[n],
  }));
  const index = new Map(seen.map(({ id }, n) => [id, n]));
  const timelines = new Map();
  for (const { itemId, userId } of simulatedLikes(seen, { ...defaultSimulatedUsers, numUsers })) {
    timelines.set(userId, [...(timelines.get(userId) ?? []), index.get(itemId)]);
  }
  const split = ratioSplit([...timelines.values()]);
  return { seen, images: tableOf(images), texts: tableOf(texts), split };
}

async function encoded(items) {
  const pack = await openModelPack(bundledPackFolder("mini"));
  const clip = await ClipEncoder.load(pack, { numThreads: 1 });
  const drawn = { colors: [], images: [], texts: [] };
  for (const { concept, style } of items) {
    const { colors, png } = await drawSticker(concept.art[style]);
    const [image] = await clip.encodeImages([await decodeRgb(png, {})]);
    const [text] = await clip.encodeTexts([plainStickerCaption(concept)]);
    drawn.colors.push(colors);
    drawn.images.push([...image]);
    drawn.texts.push([...text]);
  }
  await clip.dispose();
  return drawn;
}

function tableOf(rows) {
  const table = matrix([rows.length, rows[0].length]);
  rows.forEach((row, n) => table.values.set(row, n * row.length));
  return table;
}
