/** @file What the demo's storefront page is given: simulated shoppers of different tastes, and tokens for them. */
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import { imageUrl } from "../resolvers/image-urls.js";
import type { DemoDesk, DemoShopper } from "../server/demo-routes.js";
import type { OpenedContext } from "./cli-context.js";

/** What a shopper likes, in words, and the share of the choices that have it; null if it is not counted. */
export interface DemoTaste {
  style: string;
  styleShare: number | null;
}

/** The taste of a shopper with these choices. */
export type TasteOf = (userId: string, itemIds: readonly string[]) => DemoTaste;

const TOKEN_SECONDS = 3_600;
/** Shoppers that the page offers. */
const MAX_SHOPPERS = 12;
/** Shoppers that are looked at, to find different tastes. */
const MAX_LOOKED_AT = 60;
const MAX_PICTURES = 5;
const PICTURE_WIDTH = 128;

export function createDemoDesk(
  { db, config }: OpenedContext,
  { access }: Pick<Services, "access">,
  tasteOf: TasteOf,
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
      return differentTastes(shoppers);
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

/** One shopper of each taste in turn, the clearest tastes first. */
function differentTastes(shoppers: readonly DemoShopper[]): DemoShopper[] {
  const byStyle = new Map<string, DemoShopper[]>();
  for (const shopper of shoppers) {
    byStyle.set(shopper.style, [...(byStyle.get(shopper.style) ?? []), shopper]);
  }
  const queues = [...byStyle.values()].map(own =>
    [...own].sort((a, b) => (b.styleShare ?? 0) - (a.styleShare ?? 0)),
  );
  const chosen: DemoShopper[] = [];
  for (let turn = 0; chosen.length < MAX_SHOPPERS && queues.some(own => own[turn]); turn++) {
    chosen.push(...queues.flatMap(own => own[turn] ?? []));
  }
  return chosen.slice(0, MAX_SHOPPERS);
}
