/**
 * @file Screenshots of all pages for the documentation, at two widths, into docs/images: `npm run screenshots`.
 *
 *   npm run screenshots -- [--only NAME] [--home FOLDER] [--url http://127.0.0.1:4000 --key vk_…]
 *
 * Without `--url` it starts `vitrine demo`; `--home` keeps that shop for the next time. A new page is one line in `shots`.
 */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { allDrawn, openChromium, openDemo } from "./page-browser.mjs";

const folder = resolve(import.meta.dirname, "../docs/images");
const viewports = [
  { width: 1_280, height: 900 },
  { width: 390, height: 844 },
];
const maxBytes = 120_000;

/**
 * `show` brings the page to the state of the picture. `signedIn`: with an admin key, as after signing in.
 *
 * @type {{ name: string, path: string, signedIn?: boolean, show?: (page: import("playwright-core").Page) => Promise<unknown> }[]}
 */
const shots = [
  { name: "storefront", path: "/", show: allDrawn },
  { name: "storefront-drawer", path: "/", show: openDrawer },
  { name: "storefront-two", path: "/", show: showTwo },
  { name: "admin-sign-in", path: "/admin" },
  { name: "admin-overview", path: "/admin", signedIn: true, show: headed("Overview") },
  { name: "admin-images", path: "/admin/images", signedIn: true, show: headed("Images") },
  {
    name: "admin-rank-changes",
    path: "/admin/rank-changes",
    signedIn: true,
    show: headed("Rank changes"),
  },
];

/** Waits for an admin page and what it reads. */
function headed(title) {
  return async page => {
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    do {
      await page.waitForLoadState("networkidle");
      await page.waitForTimeout(300);
    } while ((await page.locator(".mantine-Loader-root").count()) > 0);
  };
}

async function openDrawer(page) {
  await allDrawn(page);
  const own = page.locator('[data-state="personalized"]');
  await page
    .getByRole("article")
    .filter({ has: own })
    .first()
    .getByRole("button", { name: /Explain$/ })
    .click();
  await page.getByRole("heading", { name: "4. Facts" }).waitFor();
}

async function showTwo(page) {
  await page.getByRole("button", { name: "Compare with another user" }).click();
  await page.getByRole("button", { name: "One user only" }).waitFor();
  await allDrawn(page);
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    home: { type: "string" },
    url: { type: "string" },
    key: { type: "string" },
  },
});
const demo = values.url
  ? { url: values.url, key: values.key ?? "", close: async () => undefined }
  : await openDemo({ home: values.home, args: ["--concepts", "60", "--users", "80"] });
const browser = await openChromium();
let numFaults = 0;
for (const { name, path, show, signedIn } of shots) {
  if (values.only && values.only !== name) {
    continue;
  }
  for (const viewport of viewports) {
    const context = await browser.newContext({
      viewport,
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    if (signedIn) {
      await page.addInitScript(key => sessionStorage.setItem("vitrine.key", key), demo.key);
    }
    page.on("console", message => {
      if (message.type() === "error") {
        numFaults += 1;
        console.error(`${name}: ${message.text()}`);
      }
    });
    await page.goto(`${demo.url}${path}`);
    await page.getByRole("heading").first().waitFor();
    await show?.(page);
    await page.waitForLoadState("networkidle");
    const file = join(folder, `page-${name}-${viewport.width}.png`);
    await sharp(await page.screenshot())
      .png({ palette: true, colours: 80, dither: 0.3, effort: 10 })
      .toFile(file);
    const { size } = await stat(file);
    console.log(`${file} ${Math.ceil(size / 1_000)} kB`);
    if (size > maxBytes) {
      numFaults += 1;
      console.error(`${file} is larger than ${maxBytes / 1_000} kB`);
    }
    await context.close();
  }
}
await browser.close();
await demo.close();
process.exit(numFaults === 0 ? 0 : 1);
