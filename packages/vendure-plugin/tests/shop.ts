/** @file A real Vendure server with its sample catalogue. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AssetServerPlugin } from "@vendure/asset-server-plugin";
import {
  DefaultSearchPlugin,
  dummyPaymentHandler,
  mergeConfig,
  type VendureConfig,
} from "@vendure/core";
import {
  createTestEnvironment,
  PostgresInitializer,
  registerInitializer,
  SqljsInitializer,
  testConfig,
} from "@vendure/testing";
import { VitrinePlugin, type VitrinePluginOptions } from "../src/index";
import { packageFolder } from "./vitrine-server";

export const sampleFolder = join(packageFolder, "node_modules/@vendure/create/assets");

export type ShopDatabase = "sqljs" | "postgres";

export interface Shop {
  server: ReturnType<typeof createTestEnvironment>["server"];
  shopClient: ReturnType<typeof createTestEnvironment>["shopClient"];
  adminClient: ReturnType<typeof createTestEnvironment>["adminClient"];
  close(): Promise<void>;
}

/** Opens a shop with the sample catalogue and two customers. */
export async function openShop(
  database: ShopDatabase,
  options: VitrinePluginOptions,
): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-shop-"));
  registerInitializer("sqljs", new SqljsInitializer(join(folder, "data")));
  registerInitializer("postgres", new PostgresInitializer());
  const config: Required<VendureConfig> = mergeConfig(testConfig, {
    apiOptions: { port: await freePort() },
    importExportOptions: { importAssetsDir: join(sampleFolder, "images") },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    ...(database === "postgres" && {
      dbConnectionOptions: {
        ...{ type: "postgres", host: "127.0.0.1", port: 5432, username: "postgres" },
        password: "",
        synchronize: true,
      },
    }),
    plugins: [
      AssetServerPlugin.init({ route: "assets", assetUploadDir: join(folder, "assets") }),
      DefaultSearchPlugin.init({ bufferUpdates: false }),
      VitrinePlugin.init(options),
    ],
  });
  const { adminClient, server, shopClient } = createTestEnvironment(config);
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a file of another package, of any shape
  const initialData = require(join(sampleFolder, "initial-data.json"));
  await server.init({
    initialData,
    productsCsvPath: join(sampleFolder, "products.csv"),
    customerCount: 2,
  });
  await adminClient.asSuperAdmin();
  return {
    ...{ adminClient, server, shopClient },
    async close() {
      await server.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
