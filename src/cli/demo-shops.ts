/** @file The shops of `vitrine demo`: what they sell, with which models, and which items suit a first image. */
import { join } from "node:path";
import { bundledPackFolder, type Config } from "../config/config.js";
import type { ItemRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { PhotosSource } from "../recsys/datasets/photos.js";
import { StickersSource } from "../recsys/datasets/stickers.js";
import type { ImportSource } from "../recsys/import/import-source.js";
import type { OpenedContext } from "./cli-context.js";
import type { DemoTastes } from "./demo-desk.js";
import { installPackage } from "./install-package.js";

type Prisma = OpenedContext["db"]["prisma"];

export interface DemoScale {
  concepts: number;
  users: number;
}

export interface DemoShop {
  /** Adapts the configuration to the shop. */
  configure: (config: Config) => Config;
  /** What is imported. @throws AppError as the installation of its files */
  source(opened: OpenedContext, scale: DemoScale): Promise<ImportSource>;
  /** Constant, so that a killed training resumes. */
  rankerVersionId(scale: DemoScale): string;
  /**
   * Items for a shopper's image, best first; the rest are fallbacks, since the shop shows no image with which an item ranks
   * lower.
   *
   * @throws AppError `USER_NOT_FOUND`, `NO_ITEM_TO_PERSONALIZE`
   */
  references(prisma: Prisma, userId: string): Promise<ItemRow[]>;
  /** The shoppers' tastes, as the storefront page names them. */
  tastes(source: ImportSource): Promise<DemoTastes>;
}

export const demoShopNames = ["stickers", "photos"] as const;
export type DemoShopName = (typeof demoShopNames)[number];

/** The npm package whose photographs the photo shop sells. It is GPL-3.0, so it is installed, not redistributed. */
const VENDURE = { name: "@vendure/create", version: "3.7.3" };
/** A small shop: its shoppers like few items. */
const PHOTO_LIKES = { minLikes: 6, maxLikes: 10 };
/** Items tried until an image may be shown. */
const MAX_REFERENCES = 6;

export const demoShops: Readonly<Record<DemoShopName, DemoShop>> = {
  stickers: {
    configure: config => config,
    source: async (_, { concepts, users }) =>
      new StickersSource({ limitConcepts: concepts, users: { numUsers: users } }),
    rankerVersionId: ({ concepts, users }) => versionId("8000", users, concepts),
    references: (prisma, userId) =>
      findReferences(prisma, userId, { order: "desc", restriction: unlovedStyle }),
    tastes: async () => ({
      tasteOf(_userId, itemIds) {
        const styles = itemIds.map(styleOf);
        const loved = mostFrequent(styles);
        const styleShare = styles.filter(style => style === loved).length / styles.length;
        return { style: styleLabels.get(loved) ?? loved, styleShare };
      },
      kindOf: ({ id }) => styleOf(id),
    }),
  },
  photos: {
    configure: config => ({
      ...config,
      home: join(config.home, "photos"), // a shop of its own beside the stickers
      modelsFolder: bundledPackFolder("studio"),
    }),
    source: async ({ config: { isOffline }, home, signal }, { users }) => {
      const { name, version } = VENDURE;
      const options = { isOffline, signal };
      const folder = await installPackage(name, version, join(home, "vendure"), options);
      return new PhotosSource({
        shops: { vendure: { folder } },
        users: { ...PHOTO_LIKES, numUsers: users },
      });
    },
    rankerVersionId: ({ users }) => versionId("8001", users, 0),
    // In a small shop the popular items are at the top already.
    references: (prisma, userId) =>
      findReferences(prisma, userId, { order: "asc", restriction: () => ({}) }),
    tastes: async source => {
      const tastes =
        source instanceof PhotosSource ? await source.tastes() : new Map<string, never>();
      return {
        tasteOf(userId) {
          const taste = tastes.get(userId);
          const style = taste ? `${taste.palettes.join(" and ")} on ${taste.setting}` : "unknown";
          return { style, styleShare: null };
        },
        kindOf: ({ category }) => category ?? "",
      };
    },
  },
};

const styleLabels = new Map<string, string>([
  ["fluent-3d", "glossy 3D"],
  ["fluent-flat", "flat vector"],
  ["noto", "soft gradients"],
  ["twemoji", "bold shapes"],
]);

function versionId(family: string, ...counts: readonly number[]): string {
  const digits = counts.map(count => String(count).padStart(6, "0")).join("");
  return `00000000-0000-4000-${family}-${digits.slice(-12)}`;
}

/** Items of the favourite category that the shopper has not chosen. @param order by their popularity. */
async function findReferences(
  prisma: Prisma,
  userId: string,
  {
    order,
    restriction,
  }: { order: "asc" | "desc"; restriction: (liked: readonly ItemRow[]) => object },
): Promise<ItemRow[]> {
  const liked = await prisma.item.findMany({ where: { interactions: { some: { userId } } } });
  if (liked.length === 0) {
    throw new AppError("USER_NOT_FOUND", { userId });
  }
  const category = mostFrequent(liked.map(item => item.category ?? ""));
  const isNew = { image: { isNot: null }, interactions: { none: { userId } } };
  const restricted = { ...isNew, ...restriction(liked) };
  // A small shop has few items that the shopper has not liked.
  for (const where of [{ ...restricted, category }, restricted, isNew]) {
    const references = await prisma.item.findMany({
      where,
      orderBy: [{ interactions: { _count: order } }, { id: "asc" }],
      take: MAX_REFERENCES,
    });
    if (references.length > 0) {
      return references;
    }
  }
  throw new AppError("NO_ITEM_TO_PERSONALIZE", { userId });
}

/** Stickers in a style that the shopper does not like. */
function unlovedStyle(liked: readonly ItemRow[]): object {
  return { NOT: { id: { startsWith: `${mostFrequent(liked.map(({ id }) => styleOf(id)))}:` } } };
}

/** The style in a sticker's id. */
function styleOf(itemId: string): string {
  return itemId.slice(0, itemId.indexOf(":"));
}

function mostFrequent(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}
