/** What all pages have in common: where they are served, under which policy, and that they work under it. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  accessibilityFaults,
  describeInBrowser,
  overflow,
  screenshot,
} from "../../helpers/browser.js";
import { openPageShop, type PageShop } from "../../helpers/page-shop.js";
import { patience } from "../../helpers/patience.js";

describeInBrowser("the pages", browser => {
  let shop: PageShop;
  beforeAll(async () => {
    shop = await openPageShop();
  }, patience(300_000));
  afterAll(() => shop.close());

  it("are served with a strict policy, a nonce of their own, and files that are kept for ever", async () => {
    const nonces = new Set<string>();
    for (const path of ["/", "/admin", "/admin/jobs/1?x=1", "/study/abc"]) {
      const answer = await fetch(`${shop.url}${path}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("no-cache");
      const policy = answer.headers.get("content-security-policy") ?? "";
      expect(policy).not.toContain("unsafe");
      expect(policy).toContain("default-src 'none'; script-src 'self'; ");
      const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
      const html = await answer.text();
      expect(html).toContain(`content="${nonce}"`);
      nonces.add(nonce);
      const [script] = /\/assets\/[^"]+\.js/.exec(html)!;
      const file = await fetch(`${shop.url}${script}`);
      expect(file.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    }
    expect(nonces.size).toBe(4);
    expect((await fetch(`${shop.url}/assets/nothing.js`)).status).toBe(404);
    expect((await fetch(`${shop.url}/assets/..%2fstamp`)).status).not.toBe(200);
  });

  it("open a session for simulated users only", async () => {
    const open = (body: unknown) =>
      fetch(`${shop.url}/demo/session`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const { token } = (await (await open({ userId: "sim-0001" })).json()) as { token: string };
    const ask = async (query: string) => {
      const answer = await fetch(`${shop.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify({ query }),
      });
      return (await answer.json()) as { data: unknown; errors?: { extensions: object }[] };
    };
    expect(await ask('{ user(id: "sim-0001") { isSimulated } }')).toEqual({
      data: { user: { isSimulated: true } },
    });
    expect((await ask('{ user(id: "sim-0002") { id } }')).errors?.[0].extensions).toMatchObject({
      code: "OTHER_USER",
    });
    expect((await ask("{ apiKeys { edges { node { id } } } }")).errors?.[0].extensions).toEqual(
      expect.objectContaining({ code: "FORBIDDEN" }),
    );
    expect((await open({ userId: "nobody" })).status).toBe(404);
    expect((await open({ userId: 7 })).status).toBe(400);
    expect((await open(null)).status).toBe(400);
  });

  it.each([
    ["storefront", "/", 360],
    ["storefront", "/", 1_600],
    ["admin", "/admin", 360],
    ["admin", "/admin", 1_280],
    ["study", "/study/none", 360],
    ["study", "/study/none", 1_280],
  ])("%s (%s, %i px) has no fault, in light and dark", async (name, path, width) => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.open(`${shop.url}${path}`, { width, colorScheme });
      await page.getByRole("heading").first().waitFor();
      await page.waitForLoadState("networkidle");
      expect(await accessibilityFaults(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
      // Chromium reports the API's answer that there is no such study.
      const unknown = name === "study" ? [expect.stringContaining("404")] : [];
      expect(page.faults).toEqual(unknown);
      await screenshot(page, `${name}-${width}-${colorScheme}`);
      await page.context().close();
    }
  });
});
