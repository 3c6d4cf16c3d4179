/**
 * A sheet of pictures from a running API: each row an item, first its catalogue picture, then the picture for each shopper
 * with its ΔR, or the original with the reason.
 *
 *   node scripts/contact-sheet.mjs --url http://127.0.0.1:4000 --key vk_… --items a,b --users u,v --out sheet.png
 */
import { parseArgs } from "node:util";
import sharp from "sharp";
import { createSheetApi, textLayer } from "./sheet-api.mjs";

const CELL = 160;
const LABEL = 22;
const PICTURE = 128;
const SIZE = { width: PICTURE, height: PICTURE };

const { values } = parseArgs({
  options: Object.fromEntries(
    ["url", "key", "items", "users", "out"].map(name => [name, { type: "string" }]),
  ),
});
const items = values.items.split(",");
const users = values.users.split(",");

const { ask, picture } = createSheetApi(values);

const layers = [];
const label = (text, column, row) => {
  layers.push({
    input: textLayer(text, CELL, LABEL, `x="${CELL / 2}" y="15" text-anchor="middle" fill="#444"`),
    left: column * CELL,
    top: row * (CELL + LABEL) + PICTURE,
  });
};
const put = (input, column, row) =>
  layers.push({ input, left: column * CELL + (CELL - PICTURE) / 2, top: row * (CELL + LABEL) });

for (const [row, id] of items.entries()) {
  const { item } = await ask(`query ($id: ID!) { item(id: $id) { id image { url } } }`, { id });
  put(await picture(item.image.url, SIZE), 0, row);
  label(item.id, 0, row);
  for (const [column, userId] of users.entries()) {
    const { personalizeImage: answer } = await ask(
      `mutation ($userId: ID!, $itemId: ID!) {
         personalizeImage(userId: $userId, itemId: $itemId, options: { waitMs: 60000 }) {
           ... on PersonalizedImagePayload { image { url rankChange { deltaR } } }
           ... on OriginalImage { reason item { image { url } } }
         } }`,
      { userId, itemId: id },
    );
    const shown = answer.image ?? answer.item?.image;
    if (shown) {
      put(await picture(shown.url, SIZE), column + 1, row);
    }
    const deltaR = answer.image?.rankChange?.deltaR;
    label(
      `${userId}: ${deltaR === undefined ? (answer.reason ?? "?") : `ΔR ${deltaR.toFixed(3)}`}`,
      column + 1,
      row,
    );
  }
}
await sharp({
  create: {
    width: (users.length + 1) * CELL,
    height: items.length * (CELL + LABEL),
    channels: 3,
    background: "white",
  },
})
  .composite(layers)
  .png({ palette: true })
  .toFile(values.out);
