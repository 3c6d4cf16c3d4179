/**
 * @file Simulated shoppers of a shop with photographs. They are no real persons' data: every user is marked as simulated.
 *
 * Taste. A shopper's utility of a product is
 *
 *     U(u, i) = setting(u, i) + palette(u, i) + kind(u, i) + popularity(i) + ε,   ε ~ Gumbel(0, 1)
 *
 * and the shopper likes the n products of highest utility: n drawn without replacement with probability proportional to
 * exp(U - ε) (the Gumbel-top-k trick, as in `sticker-users.ts`). Setting and palette are measured in the catalogue images
 * (`photo-looks.ts`) and are in no title, so only a ranker that reads images can learn them.
 *
 * A shop whose photographs all have a white backdrop shows no taste in settings. Its shoppers have one only if the shop sells
 * other photographs too, such as second-hand goods photographed at home.
 */
import type { NewInteraction } from "../../db/interactions.repository.js";
import { Random } from "../../ml/nn/random.js";
import { topK } from "../../ml/nn/top-k.js";
import {
  type PaletteName,
  paletteOf,
  type PhotoLook,
  type SettingName,
  settingOf,
} from "./photo-looks.js";

/** The properties of a product that shoppers react to. */
export interface ShopPhoto {
  id: string;
  /** The catalogue's category. */
  kind: string;
  look: PhotoLook;
}

/** What a shopper loves. */
export interface PhotoTaste {
  /** The backdrop. */
  setting: SettingName;
  /** The product's colours, first choice first. */
  palettes: readonly PaletteName[];
  /** The favourite kind first. */
  kinds: readonly string[];
}

export interface PhotoUsersConfig {
  /** Default 400. */
  numUsers: number;
  /** Minimum and maximum number of likes per user; default 10 and 18. At most a third of the shop is liked. */
  minLikes: number;
  maxLikes: number;
  /** Utility of a product in front of the loved backdrop; default 3: e^3 = 20 times as likely as another. */
  settingStrength: number;
  /** Utility of a product all of whose colours are loved, by their share of it; default 2.5. */
  paletteStrength: number;
  /** Utility of a product of the favourite kind, half of it for the second; default 2. */
  kindStrength: number;
  /** Exponent s of Zipf's law: the product of popularity rank r has the utility -s ln r; default 0.3. */
  zipfExponent: number;
  /** The likes span this many days; default 90. */
  numDays: number;
  /** End of those days; default 2026-01-01 UTC, fixed so that a seed always gives the same data. */
  until: Date;
  /** Default 7. */
  seed: number;
}

export const defaultPhotoUsers: PhotoUsersConfig = {
  numUsers: 400,
  minLikes: 10,
  maxLikes: 18,
  settingStrength: 3,
  paletteStrength: 2.5,
  kindStrength: 2,
  zipfExponent: 0.3,
  numDays: 90,
  until: new Date("2026-01-01T00:00:00Z"),
  seed: 7,
};

const MS_PER_DAY = 86_400_000;
/** Greatest share of the shop that one shopper likes. */
const MAX_LIKED_SHARE = 1 / 3;
/** A setting or palette is loved only where at least this share of the shop has it. */
const MIN_SHARE = 0.04;
const NUM_PALETTES = 2;
const NUM_KINDS = 2;

/** A product as tastes see it. */
interface SeenPhoto extends Omit<ShopPhoto, "look"> {
  setting: SettingName;
  /** Palette -> share of the product, 0..1. */
  palettes: ReadonlyMap<PaletteName, number>;
}

/** The id of the n-th simulated shopper, from 1. */
export function photoUserId(n: number): string {
  return `sim-${String(n).padStart(4, "0")}`;
}

/** Each shopper's taste, in order; the same for the same shop and seed. */
export function photoTastes(
  photos: readonly ShopPhoto[],
  config: PhotoUsersConfig = defaultPhotoUsers,
): Map<string, PhotoTaste> {
  return new Map(shoppers(photos.map(seen), config).map(({ taste, userId }) => [userId, taste]));
}

/** The likes of each shopper in turn, in the order of time. */
export function* simulatedPhotoLikes(
  photos: readonly ShopPhoto[],
  config: PhotoUsersConfig = defaultPhotoUsers,
): Generator<NewInteraction> {
  const all = photos.map(seen);
  const popularity = zipfUtilities(all, config);
  const start = config.until.getTime() - config.numDays * MS_PER_DAY;
  const mostLikes = Math.max(1, Math.floor(MAX_LIKED_SHARE * photos.length));
  for (const { random, taste, userId } of shoppers(all, config)) {
    const drawn = config.minLikes + random.int(config.maxLikes - config.minLikes + 1);
    const utilities = Float64Array.from(
      all,
      (photo, n) => utilityOf(photo, taste, config) + popularity[n] + random.gumbel(),
    );
    const liked = random.shuffled(topK(utilities, Math.min(drawn, mostLikes)));
    const times = liked.map(() => start + random.int(config.numDays * MS_PER_DAY));
    times.sort((a, b) => a - b);
    for (const [n, time] of times.entries()) {
      const { id: itemId } = all[liked[n]];
      yield { userId, itemId, kind: "LIKE", weight: 1, occurredAt: new Date(time) };
    }
  }
}

function seen({ look, ...photo }: ShopPhoto): SeenPhoto {
  const palettes = new Map<PaletteName, number>();
  for (const { color, share } of look.colors) {
    const name = paletteOf(color);
    palettes.set(name, (palettes.get(name) ?? 0) + share);
  }
  return { ...photo, setting: settingOf(look.backdrop), palettes };
}

/** Every shopper with the rest of their random stream. */
function shoppers(photos: readonly SeenPhoto[], { numUsers, seed }: PhotoUsersConfig) {
  const root = new Random(seed);
  const settings = frequent(photos.map(({ setting }) => setting));
  const palettes = frequent(photos.map(photo => mainPalette(photo)));
  const kinds = [...new Set(photos.map(({ kind }) => kind))].sort();
  return Array.from({ length: numUsers }, (_, n) => {
    const userId = photoUserId(n + 1);
    const random = root.fork(userId);
    const taste: PhotoTaste = {
      setting: random.shuffled(settings)[0],
      palettes: random.shuffled(palettes).slice(0, NUM_PALETTES),
      kinds: random.shuffled(kinds).slice(0, NUM_KINDS),
    };
    return { userId, random, taste };
  });
}

function utilityOf(photo: SeenPhoto, taste: PhotoTaste, config: PhotoUsersConfig): number {
  const setting = photo.setting === taste.setting ? config.settingStrength : 0;
  const palette = taste.palettes.reduce((sum, name) => sum + (photo.palettes.get(name) ?? 0), 0);
  const place = taste.kinds.indexOf(photo.kind);
  const kind = place < 0 ? 0 : config.kindStrength / (place + 1);
  return setting + config.paletteStrength * palette + kind;
}

/** The palette with the largest share. */
function mainPalette({ palettes }: SeenPhoto): PaletteName {
  return [...palettes].reduce((most, entry) => (entry[1] > most[1] ? entry : most))[0];
}

/** The names that are not rare, in alphabetical order. */
function frequent<Name extends string>(names: readonly Name[]): Name[] {
  const counts = new Map<Name, number>();
  for (const name of names) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const all = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const common = all.filter(([, count]) => count >= MIN_SHARE * names.length);
  return (common.length > 0 ? common : all).map(([name]) => name);
}

/** `-s ln r` for each product, with random ranks r. */
function zipfUtilities(
  photos: readonly SeenPhoto[],
  { seed, zipfExponent }: PhotoUsersConfig,
): Float64Array {
  const ranks = new Random(seed).fork("popularity").shuffled([...photos.keys()]);
  return Float64Array.from(ranks, rank => -zipfExponent * Math.log(rank + 1));
}
