/**
 * @file What the first load of each page costs, measured in Chromium on a demo shop: `npm run web:budget`. Fails beyond the budget.
 *
 * JavaScript and all bytes are as sent (compressed). The layout shift is Chromium's, from the first byte until all images of
 * the storefront's shelves have been swapped: 0 if nothing moved.
 */
import { parseArgs } from "node:util";
import { allDrawn, openChromium, openDemo } from "./page-browser.mjs";

const MAX_JS_BYTES = 250 * 1_024;
const MAX_SHIFT = 0;
const pages = { storefront: "/", admin: "/admin", study: "/study/none" };

const { values } = parseArgs({ options: { home: { type: "string" }, json: { type: "boolean" } } });
const demo = await openDemo({ home: values.home, args: ["--concepts", "60", "--users", "80"] });
const browser = await openChromium();
const rows = [];
for (const [name, path] of Object.entries(pages)) {
  const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
  await page.addInitScript(() => {
    globalThis.shifts = [];
    new PerformanceObserver(list => globalThis.shifts.push(...list.getEntries())).observe({
      type: "layout-shift",
      buffered: true,
    });
  });
  const sizes = [];
  page.on("requestfinished", request => {
    sizes.push(
      Promise.all([request.sizes(), request.response()]).then(([{ responseBodySize }, answer]) => ({
        bytes: responseBodySize,
        isJs: /javascript/.test(answer?.headers()["content-type"] ?? ""),
        isImage: request.resourceType() === "image",
      })),
    );
  });
  await page.goto(`${demo.url}${path}`);
  await page.getByRole("heading").first().waitFor();
  await page.waitForLoadState("networkidle");
  const first = await Promise.all(sizes);
  const swaps = name === "storefront" ? await swapAll(page) : 0;
  const shift = await page.evaluate(() =>
    globalThis.shifts.reduce((sum, { value }) => sum + value, 0),
  );
  const sum = entries => entries.reduce((total, { bytes }) => total + bytes, 0);
  rows.push({
    page: name,
    jsBytes: sum(first.filter(({ isJs }) => isJs)),
    bytesWithoutImages: sum(first.filter(({ isImage }) => !isImage)),
    requests: first.length,
    requestsWithoutImages: first.filter(({ isImage }) => !isImage).length,
    imagesSwapped: swaps,
    layoutShift: shift,
  });
  await page.close();
}
await browser.close();
await demo.close();
if (values.json) {
  console.log(JSON.stringify(rows));
} else {
  console.table(rows);
}
const faults = rows.flatMap(({ page, jsBytes, layoutShift }) => [
  ...(jsBytes > MAX_JS_BYTES
    ? [`${page}: ${jsBytes} bytes of JavaScript, over ${MAX_JS_BYTES}`]
    : []),
  ...(layoutShift > MAX_SHIFT ? [`${page}: layout shift ${layoutShift}`] : []),
]);
console.error(faults.join("\n"));
process.exit(faults.length === 0 ? 0 : 1);

/** Scrolls to the end, so that all images load, and waits until all have been swapped. */
async function swapAll(page) {
  await allDrawn(page);
  await page.mouse.wheel(0, 5_000);
  await page.waitForLoadState("networkidle");
  return page.locator('[data-state="personalized"]').count();
}
