/**
 * @file The sticker shop of the demo: real, openly licensed drawings of the same concepts in four styles, and simulated
 * users.
 *
 * An item is one drawing: `<style>:<slug>`. The only sources are the emoji packages that this package depends on.
 */
import { createRequire } from "node:module";
import type { BlobStore } from "../../db/blob-store.js";
import type { NewInteraction } from "../../db/interactions.repository.js";
import { ItemsRepository, type NewItem, type NewItemImage } from "../../db/items.repository.js";
import { interactionsPart } from "../import/import-parts.js";
import type { ImportPart, ImportSource, SourceRow } from "../import/import-source.js";
import {
  drawSticker,
  plainStickerCaption,
  STICKER_SIDE_PIXELS,
  stickerCaption,
  type StickerCaptionKind,
  stickerColors,
} from "./sticker-art.js";
import { type StickerConcept, stickerConcepts } from "./sticker-concepts.js";
import { shopStyles, stickerStyles } from "./sticker-styles.js";
import {
  defaultSimulatedUsers,
  type SimulatedUsersConfig,
  simulatedLikes,
} from "./sticker-users.js";

/** Rendered and committed together. */
const STICKERS_PER_BATCH = 200;
/** Increase when the same packages give other stickers or users. */
const RECIPE_VERSION = 1;

export interface StickerOptions {
  /** Import only this many concepts, a fixed mixture of all groups; default all. */
  limitConcepts?: number;
  /** What the captions tell. Default: `looks`. */
  captions?: StickerCaptionKind;
  /** Changes to the default users. */
  users?: Partial<SimulatedUsersConfig>;
}

interface Sticker {
  concept: StickerConcept;
  style: (typeof shopStyles)[number];
  id: string;
}

interface StickerItem {
  item: NewItem;
  image: NewItemImage;
}

const require = createRequire(import.meta.url);

export class StickersSource implements ImportSource {
  readonly kind = "stickers";
  readonly location = "the emoji packages";
  private readonly users: SimulatedUsersConfig;
  /** Item id -> colours of the stickers that this process rendered. */
  private readonly colors = new Map<string, string[]>();

  constructor(private readonly options: StickerOptions = {}) {
    this.users = { ...defaultSimulatedUsers, ...options.users };
  }

  async files(): Promise<Record<string, string>> {
    const packages = [
      ...shopStyles.map(style => stickerStyles[style].packageName),
      "unicode-emoji-json",
      "emojibase-data",
      "emojilib",
    ];
    const versions = packages.map(name => {
      const { version } = require(`${name}/package.json`) as { version: string };
      return [name, version];
    });
    const { captions = "looks", limitConcepts = null } = this.options;
    // An import of before this option is one of "looks": its options stay the same.
    const told = captions === "looks" ? {} : { captions };
    const options = JSON.stringify({
      recipe: RECIPE_VERSION,
      limitConcepts,
      ...told,
      ...this.users,
    });
    return { ...(Object.fromEntries(versions) as Record<string, string>), options };
  }

  async parts(): Promise<readonly ImportPart[]> {
    const stickers = stickerConcepts(this.options.limitConcepts).flatMap(concept =>
      shopStyles.map((style): Sticker => ({ concept, style, id: `${style}:${concept.slug}` })),
    );
    return [this.items(stickers), this.interactions(stickers)];
  }

  /** Items with their images: the caption names colours, so the image is rendered first. */
  private items(stickers: readonly Sticker[]): ImportPart<StickerItem> {
    return {
      name: "items",
      batchSize: STICKERS_PER_BATCH,
      numRows: stickers.length,
      read: () => rowsOf(stickers, ({ id }) => id),
      prepare: (value, { blobs }) => this.stickerItem(value as Sticker, blobs), // the type that `read` yields
      store: async (prisma, rows) => {
        const repository = new ItemsRepository(prisma);
        await repository.upsertMany(rows.map(({ item }) => item));
        await repository.setImages(rows.map(({ image }) => image));
        return rows.map(() => null);
      },
    };
  }

  private async stickerItem(
    { concept, style, id }: Sticker,
    blobs: BlobStore,
  ): Promise<StickerItem> {
    const { png, colors } = await drawSticker(concept.art[style]);
    this.colors.set(id, colors);
    const { packageName, attribution } = stickerStyles[style];
    const caption =
      this.options.captions === "titles"
        ? plainStickerCaption(concept)
        : stickerCaption(concept, style, colors);
    return {
      item: {
        id,
        title: concept.title,
        description: "",
        category: concept.group,
        keywords: concept.keywords,
        isAvailable: true,
        attribution,
        caption,
      },
      image: {
        itemId: id,
        blob: {
          hash: await blobs.put(png),
          mediaType: "image/png",
          sizeBytes: png.byteLength,
          widthPixels: STICKER_SIDE_PIXELS,
          heightPixels: STICKER_SIDE_PIXELS,
        },
        source: packageName,
      },
    };
  }

  private interactions(stickers: readonly Sticker[]): ImportPart {
    const { minLikes, maxLikes, numUsers } = this.users;
    const likes = async function* (source: StickersSource) {
      const seen = await source.seenBy(stickers);
      yield* rowsOf([...simulatedLikes(seen, source.users)], ({ userId }) => userId);
    };
    return interactionsPart({
      areSimulated: true,
      numRows: Math.round(((minLikes + maxLikes) / 2) * numUsers),
      read: () => likes(this),
      prepare: value => value as NewInteraction, // the type that `read` yields
    });
  }

  /** The stickers with their properties; renders those of an earlier process again. */
  private async seenBy(stickers: readonly Sticker[]) {
    const seen = [];
    for (const { id, style, concept } of stickers) {
      const colors = this.colors.get(id) ?? (await stickerColors(concept.art[style]));
      seen.push({ id, style, concept: concept.slug, group: concept.group, colors });
    }
    return seen;
  }
}

/** Generated rows: each counts as a line of its own file. */
async function* rowsOf<Value>(
  values: readonly Value[],
  nameOf: (value: Value) => string,
): AsyncGenerator<SourceRow> {
  for (const [index, value] of values.entries()) {
    yield { file: "stickers", line: index + 1, bytes: 0, raw: nameOf(value), value, fault: null };
  }
}
