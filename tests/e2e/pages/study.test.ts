/** The study's page in a real browser: three people of known preferences answer a study of four pairs. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  accessibilityFaults,
  describeInBrowser,
  type OpenPage,
  overflow,
  screenshot,
} from "../../helpers/browser.js";
import { openPageShop, type PageShop } from "../../helpers/page-shop.js";
import { patience } from "../../helpers/patience.js";

interface Studied {
  id: string;
  numPairs: number;
  results: {
    participants: { joined: number; finished: number; failedChecks: number; counted: number };
    questions: {
      question: string;
      numAnswers: number;
      kendallsW: number | null;
      methods: { method: string; meanRank: number }[];
      comparisons: { better: string; worse: string; difference: number; pValue: number }[];
    }[];
  };
  pairs: {
    isCheck: boolean;
    images: { role: string; methods: string[]; image: { url: string } }[];
  }[];
}

describeInBrowser("the study's page", browser => {
  let shop: PageShop;
  let studyId: string;

  async function ask<Data>(
    query: string,
    variables: object = {},
    bearer = shop.key,
  ): Promise<Data> {
    const answer = await fetch(`${shop.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: Data; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  }

  async function createStudy(title: string): Promise<string> {
    const { createStudy: job } = await ask<{ createStudy: { id: string } }>(
      "mutation ($input: CreateStudyInput!) { createStudy(input: $input) { id } }",
      {
        input: {
          title,
          methods: ["ORIGINAL", "KEYWORDS", "FIRST_CANDIDATE"],
          numPairs: 4,
          numChecks: 1,
        },
      },
    );
    for (;;) {
      const { job: now } = await ask<{
        job: { state: string; errorMessage: string | null; result: { studyId: string } | null };
      }>("query ($id: ID!) { job(id: $id) { state errorMessage result } }", { id: job.id });
      expect(now.errorMessage).toBeNull();
      if (now.result) {
        return now.result.studyId;
      }
      await new Promise(resolve => setTimeout(resolve, 300));
    }
  }

  const results = async (id: string) =>
    (
      await ask<{ study: Studied }>(
        `query ($id: ID!) { study(id: $id) { id numPairs
          results { participants { joined finished failedChecks counted }
            questions { question numAnswers kendallsW methods { method meanRank } comparisons { better worse difference pValue } } } } }`,
        { id },
      )
    ).study;

  /**
   * The methods of the images by their look, as the test knows them from the shop's side: the file behind each image, drawn as a
   * participant sees it.
   */
  async function methodsByBytes(id: string): Promise<Map<string, string>> {
    const { study } = await ask<{ study: Studied }>(
      `query ($id: ID!) { study(id: $id) { pairs { isCheck images { role methods image { url(width: 512, format: WEBP) } } } } }`,
      { id },
    );
    const known = new Map<string, string>();
    for (const { images, isCheck } of study.pairs) {
      const reference = images.find(({ role }) => role === "REFERENCE")!;
      known.set(await pixelsOf(`${shop.url}${reference.image.url}`), "REFERENCE");
      for (const { image, methods, role } of images) {
        if (role === "CANDIDATE" && !isCheck && methods[0] !== "ORIGINAL") {
          known.set(await pixelsOf(`${shop.url}${image.url}`), methods[0]);
        }
      }
    }
    return known;
  }

  async function pixelsOf(url: string): Promise<string> {
    const { default: sharp } = await import("sharp");
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    return (await sharp(bytes).ensureAlpha().raw().toBuffer()).toString("base64");
  }

  /** Sorts the shown question by an order of methods: moves the pictures by their buttons. */
  async function sortBy(
    page: OpenPage,
    order: readonly string[],
    known: ReadonlyMap<string, string>,
  ) {
    const wantedPlace = (method: string) => (order.indexOf(method) + 100) % 100; // unknown ones last
    for (let place = 0; ; place++) {
      const cards = await page.locator("[data-picture]").all();
      if (place === cards.length) {
        return;
      }
      const methods: string[] = [];
      for (const card of cards) {
        const src = (await card.locator("img").getAttribute("src"))!;
        methods.push(known.get(await pixelsOf(`${shop.url}${src}`)) ?? "OTHER");
      }
      const rest = methods.map((method, at) => ({ at, wanted: wantedPlace(method) })).slice(place);
      const { at } = rest.sort((a, b) => a.wanted - b.wanted || a.at - b.at)[0];
      for (let moved = at; moved > place; moved--) {
        await page
          .locator("[data-picture]")
          .nth(moved)
          .getByRole("button", { name: /forward/ })
          .click();
      }
    }
  }

  /**
   * Moves the first picture by keys to another place of its row, as a person does who listens to the page: a key that came to
   * nothing is pressed again.
   */
  async function moveByKeys(page: OpenPage, wanted: number): Promise<void> {
    const handle = page.getByRole("button", { name: /^Picture [A-Z], place/ }).first();
    const liveRegion = page.locator("[id^=DndLiveRegion]");
    const heard: string[] = [];
    for (let numKeys = 0; numKeys < 20; numKeys++) {
      const before = heard.at(-1) ?? "";
      const place = Number(/is over place (\d+)/.exec(before)?.[1]);
      if (Number.isNaN(place)) {
        await handle.focus();
      }
      const arrow = place < wanted ? "ArrowRight" : "ArrowLeft";
      await page.keyboard.press(Number.isNaN(place) || place === wanted ? "Space" : arrow);
      for (let waits = 0; waits < 40; waits++) {
        const said = (await liveRegion.textContent()) ?? "";
        if (said.includes(`is now at place ${wanted}`)) {
          return;
        }
        if (said !== before && !said.includes("is picked up")) {
          heard.push(said);
          break;
        }
        await new Promise(resolve => setTimeout(resolve, 50));
      }
    }
    throw new Error(
      `the picture did not come to place ${wanted}; the page said: ${heard.join(" | ")}`,
    );
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  /** Presses the button until another question, or the end, is shown. */
  async function proceed(page: OpenPage): Promise<void> {
    const button = page.getByRole("button", { name: /^(Continue|Finish)$/ });
    const asksAgain = page.getByText("You have not moved a picture");
    const thanks = page.getByRole("heading", { name: "Thank you" });
    const before = page.url();
    const isPast = async () => page.url() !== before || (await thanks.isVisible());
    await button.click();
    await until(async () => (await isPast()) || (await asksAgain.isVisible()));
    if (!(await isPast())) {
      await button.click();
      await until(isPast);
    }
  }

  async function answerAll(
    page: OpenPage,
    order: readonly string[],
    known: ReadonlyMap<string, string>,
  ) {
    while (!(await page.getByRole("heading", { name: "Thank you" }).isVisible())) {
      await page.locator("[data-picture] img").first().waitFor();
      await sortBy(page, order, known);
      await proceed(page);
    }
  }

  beforeAll(async () => {
    shop = await openPageShop();
    studyId = await createStudy("Which sticker?");
  }, patience(400_000));
  afterAll(() => shop.close());

  it(
    "is answered by three people of known preferences, and gives exactly the expected table",
    async () => {
      const known = await methodsByBytes(studyId);
      const orders = [
        ["FIRST_CANDIDATE", "REFERENCE", "KEYWORDS"],
        ["FIRST_CANDIDATE", "KEYWORDS", "REFERENCE"],
        ["REFERENCE", "FIRST_CANDIDATE", "KEYWORDS"],
      ];
      for (const [n, order] of orders.entries()) {
        const page = await browser.open(`${shop.url}/study/${studyId}`);
        await page.getByRole("button", { name: "Start" }).click();
        if (n === 0) {
          // A reload in the middle loses nothing.
          await page.locator("[data-picture] img").first().waitFor();
          await sortBy(page, order, known);
          const first = await page.locator("[data-picture]").first().getAttribute("data-picture");
          await page.reload();
          await page.locator("[data-picture] img").first().waitFor();
          expect(await page.locator("[data-picture]").first().getAttribute("data-picture")).toBe(
            first,
          );
        }
        await answerAll(page, order, known);
        expect(page.faults).toEqual([]);
        await page.context().close();
      }
      const { numPairs, results: found } = await results(studyId);
      expect(numPairs).toBe(4);
      expect(found.participants).toEqual({ joined: 3, finished: 3, failedChecks: 0, counted: 3 });
      const [click, meaning] = found.questions;
      expect(click.numAnswers).toBe(12);
      expect(click.methods).toEqual([
        { method: "ORIGINAL", meanRank: 2 },
        { method: "KEYWORDS", meanRank: 8 / 3 },
        { method: "FIRST_CANDIDATE", meanRank: 4 / 3 },
      ]);
      expect(meaning.methods).toEqual([
        { method: "KEYWORDS", meanRank: 2 },
        { method: "FIRST_CANDIDATE", meanRank: 1 },
      ]);
      expect(meaning.kendallsW).toBe(1);
    },
    patience(240_000),
  );

  it("is sorted by keys alone, and says so to readers of the screen", async () => {
    const page = await browser.open(`${shop.url}/study/${studyId}`);
    await page.getByRole("button", { name: "Start" }).press("Enter");
    const handles = page.getByRole("button", { name: /^Picture [A-Z], place/ });
    await handles.first().waitFor();
    const before = await page.locator("[data-picture]").first().getAttribute("data-picture");
    await moveByKeys(page, 2);
    expect(await page.locator("[data-picture]").nth(1).getAttribute("data-picture")).toBe(before);
    await page.context().close();
  });

  it("is sorted by dragging", async () => {
    const page = await browser.open(`${shop.url}/study/${studyId}`);
    await page.getByRole("button", { name: "Start" }).click();
    const cards = page.locator("[data-picture]");
    await cards.first().waitFor();
    const before = await cards.first().getAttribute("data-picture");
    const [from, to] = [await cards.nth(0).boundingBox(), await cards.nth(1).boundingBox()];
    await page.mouse.move(from!.x + 60, from!.y + 60);
    await page.mouse.down();
    await page.mouse.move(to!.x + 80, to!.y + 60, { steps: 8 });
    await page.mouse.up();
    await until(async () => (await cards.nth(1).getAttribute("data-picture")) === before);
    await page.context().close();
  });

  it("goes back with the browser's button, and on in a second tab", async () => {
    const page = await browser.open(`${shop.url}/study/${studyId}`);
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText("Question 1 of 9").waitFor();
    await proceed(page);
    await page.getByText("Question 2 of 9").waitFor();
    await page.goBack();
    await page.getByText("Question 1 of 9").waitFor();
    const second = await page.context().newPage();
    await second.goto(`${shop.url}/study/${studyId}`);
    await second.getByText("Question 2 of 9").waitFor();
    await page.context().close();
  });

  it(
    "keeps the order while the server is away, and goes on when it is back",
    async () => {
      const page = await browser.open(`${shop.url}/study/${studyId}`);
      await page.getByRole("button", { name: "Start" }).click();
      const cards = page.locator("[data-picture]");
      await cards
        .nth(1)
        .getByRole("button", { name: /forward/ })
        .click();
      const first = await cards.first().getAttribute("data-picture");
      await shop.stopServer();
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("alert").first().waitFor();
      expect(await cards.first().getAttribute("data-picture")).toBe(first);
      await shop.startServer();
      await page.getByText("The shop does not answer").first().waitFor({ state: "hidden" });
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByText("Question 2 of 9").waitFor();
      await page.context().close();
    },
    patience(120_000),
  );

  it.each([360, 390, 1_280, 1_600])("has no fault at %i px, in light and dark", async width => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.open(`${shop.url}/study/${studyId}`, { width, colorScheme });
      const check = async (name: string) => {
        await page.waitForLoadState("networkidle");
        expect(await accessibilityFaults(page)).toEqual([]);
        expect(await overflow(page)).toBe(0);
        await screenshot(page, `study-${name}-${width}-${colorScheme}`);
      };
      await page.getByRole("button", { name: "Start" }).waitFor();
      await check("welcome");
      await page.getByRole("button", { name: "Start" }).click();
      const seen = new Set<string>();
      while (seen.size < 2) {
        await page.locator("[data-picture] img").first().waitFor();
        const isClick = await page.getByText("rather click?").isVisible();
        const name = isClick ? "click" : "meaning";
        if (!seen.has(name)) {
          seen.add(name);
          await check(name);
        }
        await proceed(page);
      }
      expect(page.faults).toEqual([]);
      await page.context().close();
    }
  });

  it("says when there is no such study, when a picture is gone, and when it is closed", async () => {
    const unknown = await browser.open(`${shop.url}/study/00000000-0000-4000-8000-000000000000`);
    await unknown.getByRole("heading", { name: "There is no such study" }).waitFor();
    expect(await accessibilityFaults(unknown)).toEqual([]);
    await unknown.context().close();

    const id = await createStudy("To be closed");
    const page = await browser.open(`${shop.url}/study/${id}`);
    await page.route("**/images/**", route => route.abort());
    await page.getByRole("button", { name: "Start" }).click();
    await page
      .getByRole("img", { name: /no picture/ })
      .first()
      .waitFor();
    await ask("mutation ($id: ID!) { closeStudy(id: $id) { id } }", { id });
    await page
      .locator("[data-picture]")
      .nth(1)
      .getByRole("button", { name: /forward/ })
      .click();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "This study is closed" }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, "study-closed");
    await page.reload();
    await page.getByRole("heading", { name: "This study is closed" }).waitFor();
    await page.context().close();
  });

  it("is made, read and closed in the admin", async () => {
    for (const width of [390, 1_280]) {
      const page = await browser.open(`${shop.url}/admin/studies`, { width });
      await page.getByLabel("API key").fill(shop.key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("button", { name: "New study" }).click();
      expect(await accessibilityFaults(page)).toEqual([]);
      const title = `Made at ${width} pixels`;
      await page.getByLabel("Title").fill(title);
      await page.getByLabel("Pairs to draw").fill("2");
      await page.getByRole("button", { name: "Draw the pictures and create it" }).click();
      await page.getByRole("button", { name: title, exact: true }).click();
      await page.getByText("No answers count yet.").first().waitFor();
      await page.getByRole("button", { name: "Close the study" }).click();
      await page.getByRole("button", { name: "Close it" }).click();
      await page.getByText("Closed", { exact: true }).waitFor();
      await page.goto(`${shop.url}/admin/studies?study=${studyId}`);
      await page
        .getByRole("img", { name: /Mean rank/ })
        .first()
        .waitFor();
      await page.waitForLoadState("networkidle");
      expect(await accessibilityFaults(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
      await screenshot(page, `admin-study-${width}`);
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Answers as CSV" }).click();
      expect((await saved).suggestedFilename()).toBe(`study-${studyId}.csv`);
      expect(page.faults).toEqual([]);
      await page.context().close();
    }
  });

  it("stands beside imports and experiments", async () => {
    const { mkdirSync, copyFileSync } = await import("node:fs");
    mkdirSync(`${shop.home}/results`, { recursive: true });
    copyFileSync("results/reward-oracle.json", `${shop.home}/results/reward-oracle.json`);
    for (const width of [390, 1_280]) {
      const page = await browser.open(`${shop.url}/admin/imports`, { width });
      await page.getByLabel("API key").fill(shop.key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("stickers").first().waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.goto(`${shop.url}/admin/experiments`);
      await page.getByRole("button", { name: "reward-oracle", exact: true }).click();
      await page.getByRole("heading", { name: "arms" }).waitFor();
      await page
        .getByRole("img", { name: /with intervals/ })
        .first()
        .waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
      await screenshot(page, `admin-experiments-${width}`);
      expect(page.faults).toEqual([]);
      await page.context().close();
    }
  });
});
