/**
 * @file Screenshots of all pages for the documentation, at two widths, into docs/images: `npm run screenshots`.
 *
 *   npm run screenshots -- [--only NAME] [--home FOLDER] [--url http://127.0.0.1:4000 --key vk_…]
 *
 * Without `--url` it starts `vitrine demo`; `--home` keeps that shop for the next time. A new page is one line in `shots`.
 */
import { cp, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { allDrawn, openChromium, openDemo } from "./page-browser.mjs";

const folder = resolve(import.meta.dirname, "../docs/images");
const results = resolve(import.meta.dirname, "../results");
const viewports = [
  { width: 1_280, height: 900 },
  { width: 390, height: 844 },
];
const maxBytes = 130_000;

/**
 * `show` brings the page to the state of the picture. `signedIn`: with an admin key, as after signing in. `ofStudy`: at
 * the address of a study that the script makes.
 *
 * @type {{ name: string, path: string, signedIn?: boolean, ofStudy?: boolean, show?: (page: import("playwright-core").Page) => Promise<unknown> }[]}
 */
const shots = [
  { name: "storefront", path: "/", show: allDrawn },
  { name: "storefront-drawer", path: "/", show: openDrawer },
  { name: "storefront-two", path: "/", show: showTwo },
  { name: "admin-sign-in", path: "/admin" },
  admin("overview", "", "Overview"),
  admin("jobs", "jobs", "Jobs"),
  admin("images", "images", "Images"),
  admin("rank-changes", "rank-changes", "Rank changes"),
  admin("models", "models", "Models"),
  admin("experiments", "experiments?file=stickers", "Experiments"),
  admin("studies", "studies", "Studies"),
  admin("imports", "imports", "Imports"),
  admin("users", "users", "Users"),
  admin("keys", "keys", "API keys"),
  admin("audit", "audit", "Audit log"),
  { name: "study", path: "study", ofStudy: true },
  { name: "study-task", path: "study", ofStudy: true, show: startStudy },
];

function admin(name, path, title) {
  return { name: `admin-${name}`, path: `/admin/${path}`, signedIn: true, show: headed(title) };
}

async function startStudy(page) {
  await page.getByRole("button", { name: "Start" }).click();
  await page
    .getByRole("button", { name: /forward/ })
    .first()
    .waitFor();
}

/** A study of the demo's shop, for the pages that show one. @returns its address */
async function makeStudy({ url, key }) {
  const ask = async (query, variables) => {
    const answer = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json();
    if (errors) {
      throw new Error(JSON.stringify(errors));
    }
    return data;
  };
  const input = {
    title: "Which image would this user click?",
    ...{ methods: ["ORIGINAL", "KEYWORDS", "PLAIN", "SERVED"], numPairs: 4, numChecks: 1 },
  };
  const create = "mutation ($input: CreateStudyInput!) { createStudy(input: $input) { id } }";
  const { createStudy: job } = await ask(create, { input });
  for (;;) {
    const query = "query ($id: ID!) { job(id: $id) { state errorMessage result } }";
    const { job: now } = await ask(query, { id: job.id });
    if (now.errorMessage) {
      throw new Error(now.errorMessage);
    }
    if (now.result) {
      return `/study/${now.result.studyId}`;
    }
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}

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

/** Waits for the images in the window: they load when they are near it. */
async function allLoaded(page) {
  const waiting =
    "[...document.images].filter(image => { const { top, bottom } = image.getBoundingClientRect(); return bottom > 0 && top < innerHeight && !image.complete; }).length";
  while ((await page.evaluate(waiting)) > 0) {
    await page.waitForTimeout(100);
  }
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
const studyPath = values.url ? null : await makeStudy(demo);
if (demo.home) {
  await cp(results, join(demo.home, "results"), { recursive: true });
}
const browser = await openChromium();
let numFaults = 0;
for (const { name, ofStudy, path, show, signedIn } of shots) {
  if ((values.only && values.only !== name) || (ofStudy && !studyPath)) {
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
    await page.goto(`${demo.url}${ofStudy ? studyPath : path}`);
    await page.getByRole("heading").first().waitFor();
    await show?.(page);
    await page.waitForLoadState("networkidle");
    await allLoaded(page);
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
