/** @file A real browser for tests of the pages: Debian's Chromium through playwright-core. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import axe, { type AxeResults, type Result } from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { patience } from "./patience.js";

const chromiumPath = process.env.VITRINE_TEST_CHROMIUM ?? "/usr/bin/chromium";
/** Where screenshots of the tests go; none are made without it. */
const screenshotsFolder = process.env.VITRINE_TEST_SCREENSHOTS;

const whyNoBrowser = existsSync(chromiumPath)
  ? null
  : `there is no Chromium at ${chromiumPath}: apt-get install chromium, or set VITRINE_TEST_CHROMIUM`;

/**
 * Tests of pages. Where there is no Chromium they are skipped with a message; with `VITRINE_TEST_BROWSER=required`, as in CI,
 * that is a failure.
 */
export function describeInBrowser(name: string, tests: (browser: TestBrowser) => void): void {
  if (whyNoBrowser !== null) {
    if (process.env.VITRINE_TEST_BROWSER === "required") {
      throw new Error(whyNoBrowser);
    }
    describe.skip(`${name} (${whyNoBrowser})`, () => {
      tests(new TestBrowser());
    });
    return;
  }
  describe(name, () => {
    const browser = new TestBrowser();
    beforeAll(() => browser.start());
    afterEach(() => browser.closePages());
    afterAll(() => browser.stop());
    tests(browser);
  });
}

export class TestBrowser {
  private browser: Browser | null = null;

  async start(): Promise<void> {
    this.browser = await chromium.launch({
      executablePath: chromiumPath,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
  }

  async stop(): Promise<void> {
    await this.browser?.close();
  }

  async closePages(): Promise<void> {
    await Promise.all(this.browser?.contexts().map(context => context.close()) ?? []);
  }

  /**
   * A page of its own storage; it is closed after the test. What the page reports as an error, such as a refused style, is in `faults`.
   *
   * @param width of the window; default 1,280
   */
  async open(url: string, { width = 1_280, ...options }: OpenOptions = {}): Promise<OpenPage> {
    const context = await this.browser!.newContext({
      viewport: { width, height: 900 },
      locale: "en-GB",
      reducedMotion: "reduce",
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(patience(30_000));
    const faults: string[] = [];
    page.on("pageerror", error => faults.push(String(error)));
    page.on("console", message => {
      if (message.type() === "error") {
        faults.push(message.text());
      }
    });
    await page.addInitScript({ content: watchLayoutShift });
    await page.goto(url);
    return Object.assign(page, { faults });
  }
}

export interface OpenOptions extends Omit<BrowserContextOptions, "viewport"> {
  width?: number;
}

export type OpenPage = Page & { faults: string[] };

/** Runs in the page: keeps all layout shifts that Chromium reports. */
const watchLayoutShift = `
  globalThis.vitrineShifts = [];
  new PerformanceObserver(list => {
    globalThis.vitrineShifts.push(...list.getEntries().map(({ value }) => value));
  }).observe({ type: "layout-shift", buffered: true });`;

/** The sum of all layout shifts since the page was opened, as Chromium measures them: 0 if nothing moved. */
export async function layoutShift(page: Page): Promise<number> {
  return page.evaluate<number>("globalThis.vitrineShifts.reduce((sum, value) => sum + value, 0)");
}

/** What axe-core finds wrong with the page as it is now, in a line each; empty if nothing. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // The page's policy refuses inline scripts; the debugger's evaluation is not one.
  await page.evaluate(`if (!globalThis.axe) { ${axe.source} }`);
  const { violations } = await page.evaluate<AxeResults>("axe.run(document)");
  return violations.flatMap(({ id, help, nodes }: Result) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html}\n${failureSummary ?? ""}`),
  );
}

/** Saves the page's picture as `<name>.png` where `VITRINE_TEST_SCREENSHOTS` is a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (screenshotsFolder) {
    mkdirSync(screenshotsFolder, { recursive: true });
    await page.screenshot({ path: join(screenshotsFolder, `${name}.png`), fullPage: true });
  }
}

/** How many pixels the page is wider than its window; 0 if nothing is cut off. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
}
