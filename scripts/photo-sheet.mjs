/**
 * A sheet of photographs from a running API: a column for each shopper, headed by items that they chose, then a row for each
 * item: its catalogue image, and the image that each shopper is shown, with its ΔR, or the original with the reason.
 *
 *   node scripts/photo-sheet.mjs --url http://127.0.0.1:4000 --key vk_… --items a,b --users u,v --out sheet.jpg
 */
import { parseArgs } from "node:util";
import sharp from "sharp";
import { createSheetApi, textLayer } from "./sheet-api.mjs";

const CELL = { width: 240, height: 200 };
const GAP = 10;
const LABEL = 20;
const NUM_LIKED = 4;
const LIKED = { width: CELL.width / 2 - GAP / 2, height: 76 };
const HEAD = 2 * LIKED.height + GAP + LABEL;

const { values } = parseArgs({
  options: Object.fromEntries(
    ["url", "key", "items", "users", "out", "quality"].map(name => [name, { type: "string" }]),
  ),
});
const items = values.items.split(",");
const users = values.users.split(",");

const { ask, picture } = createSheetApi(values);

const layers = [];
const columnAt = column => GAP + column * (CELL.width + GAP);
const rowAt = row => GAP + HEAD + GAP + row * (CELL.height + LABEL + GAP);
const label = (text, left, top, width) => {
  const input = textLayer(text, width, LABEL, 'x="2" y="14" fill="#333"');
  layers.push({ input, left: Math.round(left), top: Math.round(top) });
};
const put = (input, left, top) =>
  layers.push({ input, left: Math.round(left), top: Math.round(top) });

for (const [column, userId] of users.entries()) {
  const { user } = await ask(
    `query ($id: ID!) { user(id: $id) { history(first: 30) { edges { node { item { id image { url } } } } } } }`,
    { id: userId },
  );
  const liked = user.history.edges
    .map(({ node }) => node.item)
    .filter(({ id }) => !items.includes(id));
  for (const [n, { image }] of liked.slice(0, NUM_LIKED).entries()) {
    const left = columnAt(column + 1) + (n % 2) * (LIKED.width + GAP);
    put(
      await picture(image.url, LIKED, "cover"),
      left,
      GAP + LABEL + Math.floor(n / 2) * (LIKED.height + GAP),
    );
  }
  label(`${userId} (simulated) likes`, columnAt(column + 1), GAP, CELL.width);
}

for (const [row, id] of items.entries()) {
  const { item } = await ask(`query ($id: ID!) { item(id: $id) { title image { url } } }`, { id });
  put(await picture(item.image.url, CELL, "contain"), columnAt(0), rowAt(row));
  label(item.title, columnAt(0), rowAt(row) + CELL.height, CELL.width);
  for (const [column, userId] of users.entries()) {
    const { personalizeImage: answer } = await ask(
      `mutation ($userId: ID!, $itemId: ID!) {
         personalizeImage(userId: $userId, itemId: $itemId, options: { waitMs: 60000 }) {
           ... on PersonalizedImagePayload { image { url rankChange { deltaR rankBefore rankAfter } } }
           ... on OriginalImage { reason item { image { url } } }
         } }`,
      { userId, itemId: id },
    );
    const shown = answer.image ?? answer.item?.image;
    const change = answer.image?.rankChange;
    if (shown) {
      put(await picture(shown.url, CELL, "contain"), columnAt(column + 1), rowAt(row));
    }
    label(
      change
        ? `ΔR ${change.deltaR.toFixed(2)}, rank ${change.rankBefore} → ${change.rankAfter}`
        : `catalogue image: ${answer.reason ?? "?"}`,
      columnAt(column + 1),
      rowAt(row) + CELL.height,
      CELL.width,
    );
    process.stderr.write(`${id} ${userId} ${answer.reason ?? change?.deltaR}\n`);
  }
}
const sheet = sharp({
  create: {
    width: columnAt(users.length + 1),
    height: rowAt(items.length),
    channels: 3,
    background: "#f4f4f4",
  },
}).composite(layers);
await (
  values.out.endsWith(".png")
    ? sheet.png({ palette: true })
    : sheet.jpeg({
        quality: Number(values.quality ?? 80),
        mozjpeg: true,
      })
).toFile(values.out);
