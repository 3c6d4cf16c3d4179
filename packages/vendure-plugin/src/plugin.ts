/** @file The plugin. */
import { Inject, type OnApplicationBootstrap } from "@nestjs/common";
import { PluginCommonModule, ProcessContext, type Type, VendurePlugin } from "@vendure/core";
import { CatalogueEvents } from "./catalogue-events";
import { CatalogueReader } from "./catalogue-reader";
import { CatalogueSync } from "./catalogue-sync";
import { type Settings, settingsOf, VITRINE_SETTINGS, type VitrinePluginOptions } from "./options";
import {
  adminSchema,
  shopSchema,
  VitrineAdminResolver,
  VitrineProductResolver,
  VitrineSearchResultResolver,
  VitrineShopResolver,
} from "./shop-api";
import { Shoppers } from "./shopper";
import { ShopperEvents } from "./shopper-events";
import { VitrineService } from "./vitrine.service";

/**
 * Personalised product images and recommendations of Vitrine.
 *
 * ```ts
 * plugins: [VitrinePlugin.init({ url: "https://vitrine.shop.example/graphql", apiKey: process.env.VITRINE_API_KEY! })]
 * ```
 */
@VendurePlugin({
  imports: [PluginCommonModule],
  compatibility: "^3.1.0",
  providers: [
    { provide: VITRINE_SETTINGS, useFactory: () => VitrinePlugin.settings },
    CatalogueEvents,
    CatalogueReader,
    CatalogueSync,
    Shoppers,
    ShopperEvents,
    VitrineService,
  ],
  shopApiExtensions: {
    schema: shopSchema,
    resolvers: [VitrineProductResolver, VitrineSearchResultResolver, VitrineShopResolver],
  },
  adminApiExtensions: { schema: adminSchema, resolvers: [VitrineAdminResolver] },
})
export class VitrinePlugin implements OnApplicationBootstrap {
  private static settings: Settings;

  constructor(
    private readonly sync: CatalogueSync,
    private readonly processContext: ProcessContext,
    @Inject(VITRINE_SETTINGS) private readonly settings: Settings,
  ) {}

  /** @throws Error that names every fault of the settings */
  static init(options: VitrinePluginOptions): Type<VitrinePlugin> {
    this.settings = settingsOf(options);
    return VitrinePlugin;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.processContext.isServer && this.settings.syncOnStart) {
      await this.sync.queueStart();
    }
  }
}
