/** @file The components for a shop's own pages, in Chromium: rendered by a server, hydrated, and without a framework. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  accessibilityFaults,
  describeInBrowser,
  layoutShift,
  type OpenPage,
} from "../../helpers/browser.js";
import { openPageShop, type PageShop } from "../../helpers/page-shop.js";
import { patience } from "../../helpers/patience.js";

interface Item {
  id: string;
  title: string;
  src: string;
}

/** Where nothing listens: the port of discard, which browsers refuse. */
const deadApi = "http://127.0.0.1:1/graphql";
const userId = "sim-0001";

/** Waits; the test's own timeout ends it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

describeInBrowser("the components", browser => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-components-"));
  let shop: PageShop;
  let host: Server;
  let hostUrl: string;
  let token: string;
  let items: Item[];
  const ownImages = new Map<string, Buffer>();

  beforeAll(async () => {
    execFileSync(process.execPath, [resolve("tests/fixtures/components/bundle.mjs"), folder]);
    host = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, hostUrl);
      const [, kind, name] = pathname.split("/");
      const api = searchParams.has("dead") ? deadApi : `${shop.url}/graphql`;
      const answers: Record<string, () => [type: string, body: string | Buffer | undefined]> = {
        react: () => ["text/html", reactPage(api)],
        element: () => ["text/html", elementPage(api)],
        script: () => ["text/javascript", readFileSync(join(folder, basename(name)))],
        own: () => ["image/png", ownImages.get(name)],
      };
      const [type, body] = answers[kind]?.() ?? ["text/plain", undefined];
      response.writeHead(body === undefined ? 404 : 200, {
        "content-type": `${type}; charset=utf-8`,
      });
      response.end(body);
    });
    await new Promise<void>(listening => host.listen(0, "127.0.0.1", listening));
    hostUrl = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
    shop = await openPageShop({ VITRINE_CORS_ORIGINS: hostUrl });
    await prepare();
  }, patience(300_000));

  afterAll(async () => {
    host.closeAllConnections();
    host.close();
    await shop.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function prepare(): Promise<void> {
    const session = await fetch(`${shop.url}/demo/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ userId }),
    });
    ({ token } = (await session.json()) as { token: string });
    const response = await fetch(`${shop.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${shop.key}` },
      body: JSON.stringify({
        query: `{ items(first: 100) { edges { node { id title image { url }
          personalizedImage(userId: "${userId}") { id } } } } }`,
      }),
    });
    const { data } = (await response.json()) as {
      data: {
        items: {
          edges: {
            node: {
              id: string;
              title: string;
              image: { url: string };
              personalizedImage: object | null;
            };
          }[];
        };
      };
    };
    // The image that the demo has made comes first; the others may turn out to be the shop's own.
    const nodes = data.items.edges
      .map(({ node }) => node)
      .sort((one, other) => Number(!one.personalizedImage) - Number(!other.personalizedImage));
    items = [nodes[0], nodes[1], nodes[2]].map(({ id, title }, place) => ({
      ...{ id, title },
      src: `/own/${place}`,
    }));
    for (const [place, { image }] of nodes.slice(0, 3).entries()) {
      const file = await fetch(`${shop.url}${image.url}?format=png`);
      ownImages.set(String(place), Buffer.from(await file.arrayBuffer()));
    }
  }

  const dataOf = (api: string) => ({ api, token, userId, items });
  const page = (body: string, api: string, script: string) => `<!doctype html><html lang="en"><head>
    <title>Shop</title><link rel="icon" href="data:,"></head><body>${body}
    <script id="data" type="application/json">${JSON.stringify(dataOf(api))}</script>
    <script type="module" src="/script/${script}"></script></body></html>`;

  function reactPage(api: string): string {
    const markup = execFileSync(
      process.execPath,
      [join(folder, "react-server.mjs"), JSON.stringify(dataOf(api))],
      {
        encoding: "utf8",
      },
    );
    return page(`<div id="root">${markup}</div>`, api, "react-browser.mjs");
  }

  function elementPage(api: string): string {
    const tiles = items.map(
      ({ id, src, title }, place) => `<p style="margin-top: ${place === 2 ? 4_000 : 0}px">
        <vitrine-image user-id="${userId}" item-id="${id}">
          <img src="${src}" alt="${title}" width="160" height="120"><small data-disclosure hidden style="position: absolute"></small>
        </vitrine-image></p>`,
    );
    return page(`<main>${tiles.join("")}</main>`, api, "element-browser.mjs");
  }

  /** Ids of the items that the page has asked the API for. */
  function watchAsked(page: OpenPage): Set<string> {
    const asked = new Set<string>();
    page.on("request", request => {
      const text = request.postData();
      if (text?.includes("ersonalizeImage")) {
        const { variables } = JSON.parse(text) as {
          variables: { itemId?: string; itemIds?: string[] };
        };
        [variables.itemId ?? [], variables.itemIds ?? []].flat().forEach(id => asked.add(id));
      }
    });
    return asked;
  }

  const isOwnShown = (page: OpenPage, place: number) =>
    page.evaluate<boolean>(
      `(image => image.complete && image.naturalWidth > 0 && image.currentSrc.endsWith("/own/${place}"))(document.images[${place}])`,
    );

  it("React: the server's markup has the shop's own images, and no script is needed for them", async () => {
    const html = await (await fetch(`${hostUrl}/react`)).text();
    const page = await browser.open(`${hostUrl}/react`, { javaScriptEnabled: false });
    expect(html.match(/data-vitrine="own"/g)).toHaveLength(3);
    expect(await page.getByRole("img", { name: items[0].title }).first().getAttribute("src")).toBe(
      "/own/0",
    );
    await page.context().close();
  });

  it("React: an image takes the place of the shop's without a shift, says that it is generated, and the rest waits", async () => {
    const page = await browser.open("about:blank");
    const asked = watchAsked(page);
    await page.goto(`${hostUrl}/react`);
    await page.locator('[data-vitrine="personalized"]').first().waitFor();
    const image = page.locator("img").first();
    expect(await image.getAttribute("src")).toMatch(/\/images\/[\da-f]{64}$/);
    expect(await image.getAttribute("srcset")).toContain("?width=64 64w");
    expect(await image.getAttribute("alt")).toBe(items[0].title);
    expect(await page.locator("small").first().textContent()).toMatch(/\w/);
    expect(await page.evaluate("document.images[0].naturalWidth")).toBeGreaterThan(0);
    expect(asked.has(items[0].id)).toBe(true);
    expect(asked.has(items[2].id)).toBe(false);
    expect(await layoutShift(page)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(page.faults).toEqual([]); // hydration warnings would be here
    await page.locator("img").nth(2).scrollIntoViewIfNeeded();
    await until(() => asked.has(items[2].id));
    await page.getByRole("button", { name: "More" }).click();
    await page.locator("li").nth(5).waitFor();
    await page.context().close();
  });

  it("the element: an image takes the place of the shop's without a shift, and goes with another item", async () => {
    const page = await browser.open("about:blank");
    const asked = watchAsked(page);
    await page.goto(`${hostUrl}/element`);
    const tile = page.locator("vitrine-image").first();
    await page.locator('vitrine-image[data-state="personalized"]').first().waitFor();
    const image = tile.locator("img");
    expect(await image.getAttribute("src")).toMatch(/\/images\/[\da-f]{64}$/);
    expect(await image.getAttribute("alt")).toBe(items[0].title);
    expect(await tile.locator("small").isVisible()).toBe(true);
    expect(await image.boundingBox()).toMatchObject({ width: 160, height: 120 });
    expect(await layoutShift(page)).toBe(0);
    expect(asked.has(items[2].id)).toBe(false);
    expect(page.faults).toEqual([]);
    await page.evaluate(
      'document.querySelector("vitrine-image").setAttribute("item-id", "unknown")',
    );
    await page.waitForFunction('document.title === "failed: ITEM_NOT_FOUND"');
    expect(await isOwnShown(page, 0)).toBe(true);
    expect(await tile.locator("small").isVisible()).toBe(false);
    expect(await tile.getAttribute("data-state")).toBe("own");
    await page.context().close();
  });

  it.each(["react", "element"])(
    "%s: a server that is away leaves the shop's own images",
    async kind => {
      const page = await browser.open(`${hostUrl}/${kind}?dead`);
      await page.waitForFunction('document.title === "failed: UNREACHABLE"');
      expect(await isOwnShown(page, 0)).toBe(true);
      expect(await isOwnShown(page, 1)).toBe(true);
      expect(await layoutShift(page)).toBe(0);
      await page.context().close();
    },
  );

  it.each(["react", "element"])("%s: an image that is gone leaves the shop's own", async kind => {
    const page = await browser.open("about:blank");
    let numRefused = 0;
    await page.route("**/images/*", async route => {
      numRefused++;
      await route.fulfill({ status: 404 });
    });
    await page.goto(`${hostUrl}/${kind}`);
    await until(() => numRefused > 0);
    await page.waitForLoadState("networkidle");
    expect(await isOwnShown(page, 0)).toBe(true);
    await page.context().close();
  });
});
