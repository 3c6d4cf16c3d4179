/** A new Vendure project gets personalised images from the packed packages, one plugin and two settings. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePort, sampleFolder } from "./shop";
import {
  eventually,
  packageFolder,
  printedAddress,
  type RunningVitrine,
  startVitrine,
} from "./vitrine-server";

/** A shop as the documentation of Vendure has it, with the README's plugin. */
const shopOf = (readme: string) => `
const path = require("node:path");
const { AssetServerPlugin } = require("@vendure/asset-server-plugin");
const { bootstrap, DefaultJobQueuePlugin, DefaultLogger, DefaultSearchPlugin, LogLevel } = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
${readme}
const config = {
  apiOptions: { port: Number(process.env.PORT), adminApiPath: "admin-api", shopApiPath: "shop-api" },
  authOptions: { tokenMethod: "bearer" },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  dbConnectionOptions: { type: "sqljs", synchronize: true, location: path.join(__dirname, "vendure.sqlite"), autoSave: false },
  paymentOptions: { paymentMethodHandlers: [] },
  importExportOptions: { importAssetsDir: path.join(__dirname, "sample/images") },
  plugins: [
    AssetServerPlugin.init({ route: "assets", assetUploadDir: path.join(__dirname, "assets") }),
    DefaultJobQueuePlugin.init({ pollInterval: 100 }),
    DefaultSearchPlugin.init({}),
    vitrine,
  ],
};
const initialData = { ...require("./sample/initial-data.json"), paymentMethods: [] };
populate(() => bootstrap(config), initialData, path.join(__dirname, "sample/products.csv")).then(async app => {
  await app.get(require("@vendure/core").JobQueueService).start();
  console.log("http://127.0.0.1:" + process.env.PORT + "/shop-api");
});
`;

describe("a new project", () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-new-project-"));
  let vitrine: RunningVitrine;
  before(async () => {
    vitrine = await startVitrine();
  });
  after(async () => {
    await vitrine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows personalised images", async () => {
    const npm = (...args: string[]) =>
      execFileSync("npm", [...args, "--no-audit", "--no-fund", "--prefer-offline"], {
        cwd: folder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    for (const name of ["client", "vendure-plugin"]) {
      npm("pack", join(packageFolder, "..", name), "--pack-destination", folder);
    }
    // The project has the versions of Vendure that the plugin is tested with, and its lock file.
    const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
    const { devDependencies, overrides } = manifest;
    const names = ["@vendure/asset-server-plugin", "@vendure/core", "graphql", "sql.js"];
    const dependencies = Object.fromEntries(names.map(name => [name, devDependencies[name]]));
    const text = JSON.stringify({ name: "shop", private: true, dependencies, overrides });
    writeFileSync(join(folder, "package.json"), text);
    const tarballs = readdirSync(folder).filter(name => name.endsWith(".tgz"));
    assert.equal(tarballs.length, 2);
    npm("install", ...tarballs.map(name => `./${name}`));

    cpSync(sampleFolder, join(folder, "sample"), { recursive: true });
    const readme = readFileSync(join(packageFolder, "README.md"), "utf8");
    const [, snippet] = /```js\n([^]*?)```/.exec(readme)!;
    writeFileSync(join(folder, "shop.js"), shopOf(snippet));
    const env = { ...process.env, VENDURE_DISABLE_TELEMETRY: "1", PORT: String(await freePort()) };
    const settings = { VITRINE_URL: vitrine.url, VITRINE_API_KEY: vitrine.key };
    const child = spawn(process.execPath, ["shop.js"], {
      ...{ cwd: folder, env: { ...env, ...settings }, stdio: ["ignore", "pipe", "pipe"] },
    });
    try {
      const url = await printedAddress(child);
      let token = "";
      const ask = async (query: string, variables: object = {}) => {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
          body: JSON.stringify({ query, variables }),
        });
        token = response.headers.get("vendure-auth-token") ?? token;
        const { data, errors } = (await response.json()) as { data: any; errors?: unknown };
        assert.equal(errors, undefined, JSON.stringify(errors));
        return data;
      };
      for (const slug of ["tripod", "instant-camera", "camera-lens"]) {
        const { product } = await ask("query ($slug: String!) { product(slug: $slug) { id } }", {
          slug,
        });
        const view = "mutation ($id: ID!) { recordProductView(productId: $id) }";
        assert.equal((await ask(view, { id: product.id })).recordProductView, true);
      }
      const image: { url: string } = await eventually(async () => {
        const { search } = await ask(
          "{ search(input: { take: 16, groupByProduct: true }) { items { productAsset { preview } personalizedImage { url } } } }",
        );
        assert.ok(search.items.every((one: any) => one.productAsset.preview));
        return search.items.find((one: any) => one.personalizedImage)?.personalizedImage;
      });
      assert.equal((await fetch(image.url)).status, 200);
    } finally {
      child.kill("SIGTERM");
      if (child.exitCode === null) {
        await once(child, "exit");
      }
    }
  });
});
