/** The admin: what it shows, what it changes, and what happens when something goes wrong. */
import { readFile } from "node:fs/promises";
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

const pages = [
  "",
  "/jobs",
  "/images",
  "/rank-changes",
  "/models",
  "/models?tab=personalizers",
  "/models?tab=packs",
  "/users",
  "/keys",
  "/audit",
];

describeInBrowser("the admin", browser => {
  let shop: PageShop;
  let key: string;
  beforeAll(async () => {
    shop = await openPageShop();
    // The demo's own key ends with the demo.
    const create = `mutation { createApiKey(name: "admin of ${Date.now()}", role: ADMIN) { key } }`;
    key = (await ask<{ createApiKey: { key: string } }>(create)).createApiKey.key;
  }, patience(300_000));
  afterAll(() => shop.close());

  async function ask<Data>(query: string, variables: object = {}): Promise<Data> {
    const answer = await fetch(`${shop.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${shop.key}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: Data; errors?: object[] };
    expect(errors).toBeUndefined();
    return data;
  }

  async function signedIn(path: string, width = 1_280): Promise<OpenPage> {
    const page = await browser.open(`${shop.url}/admin${path}`, { width });
    await page.getByLabel("API key", { exact: true }).fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    return page;
  }

  async function activeVersion(): Promise<string | undefined> {
    const { rankingModels } = await ask<{
      rankingModels: { edges: { node: { id: string; isActive: boolean } }[] };
    }>("{ rankingModels { edges { node { id isActive } } } }");
    return rankingModels.edges.find(({ node }) => node.isActive)?.node.id;
  }

  /** Waits until nothing says that it loads. */
  async function loaded(page: OpenPage): Promise<void> {
    do {
      await page.waitForLoadState("networkidle");
      await page.waitForTimeout(100);
    } while ((await page.locator(".mantine-Loader-root").count()) > 0);
  }

  const dialog = (page: OpenPage) => page.getByRole("dialog");

  it("refuses a wrong key, and one that is revoked while it is used", async () => {
    const page = await browser.open(`${shop.url}/admin/jobs?state=FAILED`);
    await page.getByLabel("API key", { exact: true }).fill("vk_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("No valid key has this text. It may be mistyped or revoked.").waitFor();
    const { createApiKey } = await ask<{ createApiKey: { key: string } }>(
      `mutation { createApiKey(name: "for an hour", role: RECOMMENDER) { key } }`,
    );
    await page.getByLabel("API key", { exact: true }).fill(createApiKey.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(page.url()).toBe(`${shop.url}/admin/jobs?state=FAILED`);
    await ask(`mutation { revokeApiKey(name: "for an hour") { id } }`);
    await page.getByText("The key of this tab is no longer valid: it was revoked.").waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    await page.getByLabel("API key", { exact: true }).fill(shop.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    expect(page.url()).toBe(`${shop.url}/admin/jobs?state=FAILED`);
    await page.context().close();
  });

  it.each([360, 1_280])("has no fault on any page at %i px, in light and dark", async width => {
    const page = await signedIn("", width);
    for (const path of pages) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.goto(`${shop.url}/admin${path}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await loaded(page);
        const name = `admin-${path.replace(/\W+/g, "-").replace(/^-/, "") || "overview"}`;
        await screenshot(page, `${name}-${width}-${colorScheme}`);
        expect([path, await accessibilityFaults(page)]).toEqual([path, []]);
        expect([path, await overflow(page)]).toEqual([path, 0]);
      }
    }
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  it("shows a job as it runs, and cancels it", async () => {
    // Enough pictures that one of the last still waits when it is looked at.
    const { items } = await ask<{ items: { edges: { node: { id: string } }[] } }>(
      "{ items(first: 40) { edges { node { id } } } }",
    );
    const pairs = items.edges.map(({ node }) => ({ userId: "sim-0003", itemId: node.id }));
    const page = await signedIn("/jobs");
    await ask(
      `mutation ($pairs: [GenerationPairInput!]!) {
        startGeneration(pairs: $pairs, options: { variants: OFF, seed: 99, numCandidates: 8 }) { __typename } }`,
      { pairs },
    );
    await page.goto(`${shop.url}/admin/jobs?state=RUNNING`);
    await page.getByRole("progressbar", { name: "Progress of the job" }).first().waitFor();
    await page.goto(`${shop.url}/admin/jobs?state=QUEUED&user=sim-0003`);
    await page.getByRole("link", { name: "Personalised picture" }).first().click();
    await page.getByRole("heading", { name: "Personalised picture", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await dialog(page).getByText("it leaves the queue at once").waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await dialog(page).getByRole("button", { name: "Cancel the job" }).click();
    await page.getByText("Cancelled", { exact: true }).waitFor();
    const id = new URL(page.url()).pathname.split("/").at(-1)!;
    expect(await ask(`{ job(id: "${id}") { state } }`)).toEqual({ job: { state: "CANCELLED" } });
    await page.reload();
    await page.getByRole("button", { name: "Try again" }).click();
    await dialog(page).getByRole("button", { name: "Try again" }).click();
    await page.waitForURL(url => !url.pathname.endsWith(id));
    await page.goBack();
    await page.getByText("Cancelled", { exact: true }).waitFor();
    const waiting = await ask<{ jobs: { edges: { node: { id: string } }[] } }>(
      `{ jobs(first: 100, state: QUEUED) { edges { node { id } } } }`,
    );
    for (const { node } of waiting.jobs.edges) {
      await ask(`mutation { cancelJob(id: "${node.id}") { id } }`).catch(() => undefined); // it may have begun
    }
    await page.context().close();
  });

  it("finds a rank change, saves it as a file, and rejects its picture, which nobody gets any more", async () => {
    const page = await signedIn("/rank-changes");
    await page.getByRole("heading", { name: /^Distribution of ΔR/ }).waitFor();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Save as CSV" }).click(),
    ]);
    const rows = (await readFile(await file.path(), "utf8")).trimEnd().split("\n");
    expect(rows[0]).toContain("rank_before,rank_after");
    const { rankChanges } = await ask<{
      rankChanges: {
        edges: {
          node: { image: { id: string; url: string; item: { id: string }; user: { id: string } } };
        }[];
      };
    }>(
      `{ rankChanges(first: 20, sort: { field: DELTA_R, direction: DESC }) { edges { node { image {
        id url item { id } user { id } } } } } }`,
    );
    const [{ image }] = rankChanges.edges.map(({ node }) => node);
    expect(rows.some(row => row.includes(image.id))).toBe(true);
    expect((await fetch(`${shop.url}${image.url}`)).status).toBe(200);

    const card = page
      .getByRole("listitem")
      .filter({ has: page.getByRole("button", { name: "Reject" }) })
      .first();
    await card.getByRole("button", { name: "Reject" }).click();
    const reject = dialog(page).getByRole("button", { name: "Reject the picture" });
    expect(await reject.isDisabled()).toBe(true);
    await dialog(page).getByLabel("Why?").fill("the ear is missing");
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, "admin-reject-1280-light");
    await reject.click();
    await page.getByText("The picture is rejected: nobody is shown it any more").waitFor();
    await page.goto(`${shop.url}/admin/images?state=rejected`);
    await page.getByText("the ear is missing").first().waitFor();

    expect((await fetch(`${shop.url}${image.url}`)).status).toBe(404);
    const ids = { userId: image.user.id, itemId: image.item.id };
    const again = await ask<{ personalizeImage: { image?: { id: string; url: string } } }>(
      `mutation ($userId: ID!, $itemId: ID!) { personalizeImage(userId: $userId, itemId: $itemId, options: { waitMs: 60000 }) {
        ... on PersonalizedImagePayload { image { id url } } } }`,
      ids,
    );
    expect(again.personalizeImage.image?.url).not.toBe(image.url);
    await page.goto(`${shop.url}/admin/audit?action=rejectImage`);
    await page.getByText("the ear is missing").waitFor();
    expect(page.faults.filter(fault => !fault.includes("404"))).toEqual([]);
    await page.context().close();
  });

  it("opts a user out, who then sees the shop's own images, and in again", async () => {
    const userId = "sim-0005";
    const { items } = await ask<{ items: { edges: { node: { id: string } }[] } }>(
      "{ items(first: 1) { edges { node { id } } } }",
    );
    const ids = { userId, itemId: items.edges[0].node.id };
    const reason = async () => {
      const { personalizeImage } = await ask<{ personalizeImage: { reason?: string } }>(
        `mutation ($userId: ID!, $itemId: ID!) { personalizeImage(userId: $userId, itemId: $itemId) {
          ... on OriginalImage { reason } } }`,
        ids,
      );
      return personalizeImage.reason;
    };
    const page = await signedIn(`/users/${userId}`);
    await page.getByRole("button", { name: "Opt out" }).click();
    await dialog(page).getByRole("button", { name: "Opt the user out" }).click();
    await page.getByText("Opted out of personalisation").waitFor();
    await screenshot(page, "admin-user-opted-out");
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await reason()).toBe("OPTED_OUT");
    await page.getByRole("button", { name: "Opt in" }).click();
    await dialog(page).getByRole("button", { name: "Opt the user in" }).click();
    await page.getByText("Opted out of personalisation").waitFor({ state: "detached" });
    expect(await reason()).not.toBe("OPTED_OUT");
    await page.context().close();
  });

  it("rolls a model back, and says when there is nothing to go back to", async () => {
    const before = await activeVersion();
    const { startRankerTraining } = await ask<{ startRankerTraining: { id: string } }>(
      `mutation { startRankerTraining(input: { config: { algorithm: "popularity" }, activate: true }) { id } }`,
    );
    const page = await signedIn(`/jobs/${startRankerTraining.id}`);
    await page.getByText("Succeeded", { exact: true }).waitFor({ timeout: patience(60_000) });
    await page.getByRole("link", { name: "Models" }).click();
    const active = page.getByRole("article").filter({ hasText: "Serves" });
    await active.filter({ hasText: "popularity" }).waitFor();
    await page.getByRole("button", { name: "Roll back" }).click();
    await dialog(page).getByRole("button", { name: "Keep things as they are" }).click();
    await active.filter({ hasText: "popularity" }).waitFor();
    await page.getByRole("button", { name: "Roll back" }).click();
    await dialog(page).getByRole("button", { name: "Roll back" }).click();
    await page.getByText("The version before serves again").waitFor();
    await active.filter({ hasText: "MICRO" }).waitFor();
    expect(await activeVersion()).toBe(before);
    await page.getByRole("button", { name: "Roll back" }).click();
    await dialog(page).getByRole("button", { name: "Roll back" }).click();
    await page.getByText("There is no earlier version to go back to").waitFor();
    await page.context().close();
  });

  it(
    "keeps its state while the server is away, and goes on when it is back",
    async () => {
      const page = await signedIn("/users?search=sim-000");
      await page.getByRole("link", { name: "sim-0001" }).waitFor();
      await shop.stopServer();
      await page.getByLabel("Id begins with").fill("sim-0002");
      await page.getByText("What you see may be old.").waitFor();
      await shop.startServer();
      await page.getByRole("link", { name: "sim-0001" }).waitFor({ state: "detached" });
      await page.getByRole("link", { name: "sim-0002" }).click();
      await page.getByRole("heading", { name: "sim-0002" }).waitFor();
      await page.goBack();
      expect(await page.getByLabel("Id begins with").inputValue()).toBe("sim-0002");
      await page.goto(`${shop.url}/admin/users/nobody`);
      await page.getByText("There is no such user").waitFor();
      await page.context().close();
    },
    patience(120_000),
  );
});
