/** The storefront in a browser, over the real server, its worker and its models. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  accessibilityFaults,
  describeInBrowser,
  layoutShift,
  type OpenPage,
  overflow,
  screenshot,
} from "../../helpers/browser.js";
import { openPageShop, type PageShop } from "../../helpers/page-shop.js";
import { patience } from "../../helpers/patience.js";

/** Waits until a condition holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const late = Date.now() + slow.timeout;
  while (!(await holds())) {
    if (Date.now() > late) {
      throw new Error("it never came true");
    }
    await sleep(100);
  }
}

interface Labelled {
  ariaLabel: string;
}

const slow = { timeout: patience(30_000) };

describeInBrowser("the storefront", browser => {
  let shop: PageShop;
  beforeAll(async () => {
    shop = await openPageShop();
  }, patience(300_000));
  afterAll(() => shop.close());

  const ask = async <Result>(query: string, variables: object = {}): Promise<Result> => {
    const answer = await fetch(`${shop.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${shop.key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: Result; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  };
  const history = async (userId: string) => {
    const { user } = await ask<{
      user: { history: { edges: { node: { kind: string; item: { id: string } } }[] } };
    }>(
      "query ($id: ID!) { user(id: $id) { history(first: 100) { edges { node { kind item { id } } } } } }",
      { id: userId },
    );
    return user.history.edges.map(({ node }) => `${node.kind} ${node.item.id}`);
  };
  const shelf = (page: OpenPage, name = "Recommended") => page.getByRole("region", { name });
  /** Waits until nothing is being drawn. */
  const settled = async (page: OpenPage) => {
    await page.getByRole("article").first().waitFor(slow);
    const drawn = page.getByRole("article").filter({ hasText: /Drawing/ });
    await drawn.first().waitFor({ state: "detached", ...slow });
  };
  const titles = (page: OpenPage) =>
    shelf(page)
      .getByRole("article")
      .evaluateAll(tiles => tiles.map(tile => (tile as unknown as Labelled).ariaLabel));
  const shopperId = async (page: OpenPage) => {
    const label = await page.getByRole("radio", { checked: true }).getAttribute("aria-label");
    return label!.split(",")[0];
  };

  it(
    "shows catalogue images at once, and swaps them for the chosen user's own without a shift",
    async () => {
      const page = await browser.open(shop.url);
      const second = page.getByRole("radio").nth(1);
      await second.click();
      await until(() => second.isChecked());
      const userId = await shopperId(page);
      expect(new URL(page.url()).searchParams.get("user")).toBe(userId);
      await page.getByRole("article").first().waitFor();
      await settled(page);
      const swapped = page.locator('[data-state="personalized"]');
      await swapped.first().waitFor(slow);
      // Each picture that is shown as the user's own is one that the API has for this user.
      const shown = await swapped.first().locator("img[data-loaded]").getAttribute("src");
      const itemTitle = await page
        .getByRole("article")
        .filter({ has: swapped })
        .first()
        .getAttribute("aria-label");
      const { items } = await ask<{
        items: { edges: { node: { title: string; personalizedImage: { url: string } | null } }[] };
      }>(
        "query ($userId: ID!) { items(first: 100) { edges { node { title personalizedImage(userId: $userId) { url(width: 384) } } } } }",
        { userId },
      );
      const urls = items.edges
        .filter(({ node }) => node.title === itemTitle)
        .map(({ node }) => node.personalizedImage?.url);
      expect(urls).toContain(shown);
      expect(await layoutShift(page)).toBeLessThan(0.001);
      expect(page.faults).toEqual([]);
      await page.context().close();
    },
    patience(240_000),
  );

  it(
    "explains an image: what was retrieved, the words, the candidates, the facts",
    async () => {
      const page = await browser.open(shop.url);
      await settled(page);
      const tile = page
        .getByRole("article")
        .filter({ has: page.locator('[data-state="personalized"]') });
      await tile
        .first()
        .getByRole("button", { name: /Explain$/ })
        .click();
      const drawer = page.getByRole("dialog");
      await drawer.getByRole("heading", { name: "4. Facts" }).waitFor(slow);
      const parameters = new URL(page.url()).searchParams;
      const { item } = await ask<{
        item: {
          personalizedImage: {
            seed: number;
            explanation: {
              retrieved: { item: { title: string } }[];
              candidates: unknown[];
              preferenceKeywords: string[];
              prompt: string;
            };
          };
        };
      }>(
        "query ($u: ID!, $i: ID!) { item(id: $i) { personalizedImage(userId: $u) { seed explanation { prompt preferenceKeywords retrieved { item { title } } candidates { score } } } } }",
        { u: parameters.get("itemUser"), i: parameters.get("item") },
      );
      const { explanation } = item.personalizedImage;
      const text = (await drawer.textContent()) ?? "";
      for (const { item: retrieved } of explanation.retrieved) {
        expect(text).toContain(retrieved.title);
      }
      expect(text).toContain(explanation.prompt);
      expect(await drawer.getByText(/^Candidate \d/).count()).toBe(explanation.candidates.length);
      expect(await drawer.getByText("taken", { exact: true }).count()).toBe(1);
      expect(text).toContain(`seed ${item.personalizedImage.seed}`);
      expect(await accessibilityFaults(page)).toEqual([]);
      await screenshot(page, "storefront-drawer");

      // The slider works by keys.
      const slider = drawer.getByRole("slider");
      await slider.focus();
      await page.keyboard.press("ArrowRight");
      expect(await slider.getAttribute("aria-valuetext")).toBe("51 % catalogue image");

      // A reload keeps the drawer; the back button closes it.
      await page.reload();
      await page.getByRole("heading", { name: "4. Facts" }).waitFor(slow);
      await page.goBack();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect(page.faults).toEqual([]);
      await page.context().close();
    },
    patience(240_000),
  );

  it(
    "records a like and a view, and the shelf changes",
    async () => {
      const page = await browser.open(shop.url);
      await settled(page);
      const userId = await shopperId(page);
      const before = await titles(page);
      const liked = shelf(page).getByRole("article").first();
      await liked.getByRole("button", { name: /^Like/ }).click();
      await page.getByText("with the latest choices").waitFor(slow);
      await settled(page);
      const after = await titles(page);
      expect(after).not.toEqual(before);
      const afterLike = await history(userId);
      expect(afterLike[0]).toMatch(/^LIKE /);
      await shelf(page).getByRole("button", { name: /^Mark/ }).first().click();
      await until(async () => (await titles(page)).join() !== after.join());
      await settled(page);
      expect((await titles(page)).join()).not.toBe(after.join());
      expect((await history(userId))[0]).toMatch(/^VIEW /);
      expect(page.faults).toEqual([]);
      await page.context().close();
    },
    patience(240_000),
  );

  it.each([360, 768, 1_600])(
    "shows two users side by side (%i px), and axe finds nothing",
    async width => {
      for (const colorScheme of ["light", "dark"] as const) {
        const page = await browser.open(shop.url, { width, colorScheme });
        await page.getByRole("button", { name: "Compare with another user" }).click();
        await page.getByRole("button", { name: "One user only" }).waitFor();
        await settled(page);
        expect(await page.getByRole("region", { name: /^The shop for/ }).count()).toBe(2);
        expect(await overflow(page)).toBe(0);
        expect(await accessibilityFaults(page)).toEqual([]);
        await screenshot(page, `storefront-two-${width}-${colorScheme}`);
        await page.goBack();
        await page.getByRole("button", { name: "Compare with another user" }).waitFor();
        expect(page.faults).toEqual([]);
        await page.context().close();
      }
    },
    patience(240_000),
  );

  it(
    "keeps its layout with any title, and with images that are missing or gone",
    async () => {
      const page = await browser.open("about:blank", { width: 360 });
      const strange = [
        `<img src=x onerror="document.title='attacked'"><b>bold</b>`,
        "عنوان المنتج طويل جدا من اليمين إلى اليسار",
        "x".repeat(300),
        "🎁👨‍👩‍👧‍👦🏳️‍🌈 ".repeat(20),
        "",
      ];
      await page.route("**/demo/window", async route => {
        const answer = await route.fetch();
        const { items } = (await answer.json()) as {
          items: { title: string; image: { url: string } | null }[];
        };
        for (const [index, title] of strange.entries()) {
          items[index].title = title;
          items[index].image = index % 2 ? null : { url: `/images/${"0".repeat(64)}` };
        }
        await route.fulfill({ response: answer, json: { items } });
      });
      await page.goto(shop.url);
      await settled(page);
      await page.waitForLoadState("networkidle");
      expect(await overflow(page)).toBe(0);
      expect(await page.title()).toBe("Vitrine");
      const window_ = shelf(page, "In the shop window");
      expect(await window_.locator("b").count()).toBe(0);
      expect(await window_.getByRole("img", { name: "No picture" }).count()).toBeGreaterThan(0);
      const heights = await window_
        .getByRole("article")
        .evaluateAll(tiles =>
          tiles.map(tile => (tile as unknown as { offsetHeight: number }).offsetHeight),
        );
      expect(new Set(heights).size).toBe(1);
      await screenshot(page, "storefront-strange");
      await page.context().close();
    },
    patience(240_000),
  );

  it(
    "says that the API is away, and goes on by itself",
    async () => {
      const page = await browser.open(shop.url);
      await settled(page);
      await shop.stopServer();
      await shelf(page).getByRole("button", { name: /^Like/ }).first().click();
      await page.getByText("The shop does not answer").first().waitFor(slow);
      expect(await shelf(page).getByRole("article").count()).toBeGreaterThan(0);
      await screenshot(page, "storefront-away");
      await shop.startServer();
      await page.getByText("What you see may be old").waitFor({ state: "hidden", ...slow });
      await settled(page);
      // Images that failed meanwhile are tried again.
      await until(async () => (await page.getByRole("img", { name: "No picture" }).count()) === 0);

      await page.context().close();
    },
    patience(400_000),
  );
});
