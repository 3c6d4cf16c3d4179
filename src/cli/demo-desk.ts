/** @file What the demo's storefront page is given: simulated shoppers of different tastes, and tokens for them. */
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import { imageUrl } from "../resolvers/image-urls.js";
import type { DemoDesk, DemoItem, DemoShopper } from "../server/demo-routes.js";
import type { OpenedContext } from "./cli-context.js";

/** What a shopper likes, in words, and the share of the choices that have it; null if it is not counted. */
export interface DemoTaste {
  style: string;
  styleShare: number | null;
}

/** What a shop knows that its database does not say. */
export interface DemoTastes {
  /** The taste of a shopper with these choices. */
  tasteOf: (userId: string, itemIds: readonly string[]) => DemoTaste;
  /** Kind of an item: the shop window has one of each kind in turn. */
  kindOf: (item: { id: string; category: string | null }) => string;
}

const TOKEN_SECONDS = 3_600;
/** Shoppers that the page offers. */
const MAX_SHOPPERS = 12;
/** Shoppers that are looked at, to find different tastes. */
const MAX_LOOKED_AT = 60;
const MAX_PICTURES = 5;
const PICTURE_WIDTH = 128;
const MAX_WINDOW_ITEMS = 8;
/** Items among which the window's are chosen, the most popular first. */
const MAX_POPULAR = 120;
const WINDOW_PICTURE_WIDTH = 384;

export function createDemoDesk(
  { db, config }: OpenedContext,
  { access }: Pick<Services, "access">,
  { kindOf, tasteOf }: DemoTastes,
): DemoDesk {
  return {
    async shoppers() {
      const users = await db.prisma.user.findMany({
        where: { isSimulated: true, interactions: { some: { kind: "LIKE" } } },
        orderBy: { id: "asc" },
        take: MAX_LOOKED_AT,
        select: {
          id: true,
          interactions: {
            where: { kind: "LIKE", weight: { gt: 0 } },
            orderBy: [{ occurredAt: "desc" }, { itemId: "asc" }],
            select: { itemId: true, item: { select: { image: { select: { blobHash: true } } } } },
          },
        },
      });
      const shoppers = users.map(({ id, interactions }): DemoShopper => {
        const itemIds = interactions.map(({ itemId }) => itemId);
        const hashes = interactions.flatMap(({ item }) => item.image?.blobHash ?? []);
        return {
          id,
          ...tasteOf(id, itemIds),
          numChoices: itemIds.length,
          pictures: hashes
            .slice(0, MAX_PICTURES)
            .map(hash => imageUrl(config.publicUrl, hash, { width: PICTURE_WIDTH })),
        };
      });
      const clearestFirst = shoppers.sort((a, b) => (b.styleShare ?? 0) - (a.styleShare ?? 0));
      return inTurns(clearestFirst, ({ style }) => style, MAX_SHOPPERS);
    },

    async window() {
      const items = await db.prisma.item.findMany({
        where: { isAvailable: true, image: { isNot: null } },
        orderBy: [{ interactions: { _count: "desc" } }, { id: "asc" }],
        take: MAX_POPULAR,
        select: { id: true, title: true, category: true, image: { select: { blobHash: true } } },
      });
      const seenTitles = new Set<string>();
      const different = items.filter(
        ({ title }) => !seenTitles.has(title) && seenTitles.add(title),
      );
      return inTurns(different, kindOf, MAX_WINDOW_ITEMS).map(({ id, image, title }): DemoItem => {
        const url = imageUrl(config.publicUrl, image!.blobHash, { width: WINDOW_PICTURE_WIDTH });
        return { id, title, image: { url } };
      });
    },

    async openSession(userId) {
      const user = await db.prisma.user.findUnique({ where: { id: userId } });
      if (!user?.isSimulated) {
        throw new AppError("USER_NOT_FOUND", { userId });
      }
      return access.issueShopperToken(userId, TOKEN_SECONDS);
    },
  };
}

/** The first of each group, then the second of each, and so on. */
function inTurns<Value>(
  values: readonly Value[],
  groupOf: (value: Value) => string,
  limit: number,
): Value[] {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const group = groupOf(value);
    groups.set(group, [...(groups.get(group) ?? []), value]);
  }
  const queues = [...groups.values()];
  const chosen: Value[] = [];
  for (let turn = 0; chosen.length < limit && queues.some(queue => turn < queue.length); turn++) {
    chosen.push(...queues.flatMap(queue => queue.slice(turn, turn + 1)));
  }
  return chosen.slice(0, limit);
}
