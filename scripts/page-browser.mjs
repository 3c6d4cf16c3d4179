/** @file What scripts that look at the pages share: a demo shop that serves them, and Chromium. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const chromiumPath = process.env.VITRINE_TEST_CHROMIUM ?? "/usr/bin/chromium";
const main = resolve(import.meta.dirname, "../dist/cli/main.js");

export async function openChromium() {
  if (!existsSync(chromiumPath)) {
    throw new Error(
      `there is no Chromium at ${chromiumPath}: apt-get install chromium, or set VITRINE_TEST_CHROMIUM`,
    );
  }
  return chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
}

/**
 * Starts `vitrine demo` and waits until it serves.
 *
 * @param {{ home?: string, args?: string[] }} options `home` keeps the shop for the next call; default: a new one that is deleted
 * @returns {Promise<{ url: string, key: string, home: string, close(): Promise<void> }>}
 */
export async function openDemo({ home, args = [] } = {}) {
  const folder = home ?? (await mkdtemp(join(tmpdir(), "vitrine-demo-")));
  const child = spawn(process.execPath, [main, "demo", ...args], {
    env: { ...process.env, CI: "true", VITRINE_HOME: folder, VITRINE_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const { url, key } = await new Promise((found, failed) => {
    child.stdout.on("data", chunk => {
      output += chunk;
      const url = /(http:\S+)\/graphql/.exec(output)?.[1];
      const key = /Authorization: Bearer (\S+)/.exec(output)?.[1];
      if (url && key) {
        found({ url, key });
      }
    });
    child.once("exit", code => failed(new Error(`vitrine demo ended with ${code}`)));
  });
  return {
    url,
    key,
    home: folder,
    async close() {
      child.kill("SIGTERM");
      if (child.exitCode === null) {
        await once(child, "exit");
      }
      if (home === undefined) {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Waits until no tile of the storefront waits for its image. */
export async function allDrawn(page) {
  await page.getByRole("article").first().waitFor();
  const waiting = page.getByRole("article").filter({ hasText: /Drawing/ });
  await waiting.first().waitFor({ state: "detached", timeout: 300_000 });
}
