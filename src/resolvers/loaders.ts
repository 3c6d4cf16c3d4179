/** @file Data loaders of one request: batch reads, so that a page of any length needs one query per relation. */
import DataLoader from "dataloader";
import type { CatalogQueries, ItemImageWithBlob, Lists, UserScope } from "../db/catalog-queries.js";
import type { PageRequest } from "../db/keyset.js";
import type { RankChangesRepository } from "../db/rank-changes.repository.js";
import type {
  CaptionRow,
  ImageRejectionRow,
  InteractionRow,
  ItemRow,
  ItemVariantRow,
  PersonalizedImageRow,
  PersonalizerVersionRow,
  RankChangeRow,
  RankingModelVersionRow,
  UserRow,
  BlobRow,
} from "../db/rows.js";
import type { ApiServices } from "./services.js";

/** A page of a list that belongs to a parent. */
export interface ListKey {
  parentId: string;
  page: PageRequest<Date>;
}

export interface StoredImageKey {
  userId: string;
  itemId: string;
}

export interface VariantKey {
  itemId: string;
  variantId: string;
}

type Lookup<Row> = DataLoader<string, Row | null>;
type ListLookup<Row> = DataLoader<ListKey, readonly Row[], string>;

export interface Loaders {
  item: Lookup<ItemRow>;
  user: Lookup<UserRow>;
  blob: Lookup<BlobRow>;
  /** By item. */
  itemImage: Lookup<ItemImageWithBlob>;
  /** By item. */
  caption: Lookup<CaptionRow>;
  variantsOfItem: Lookup<readonly ItemVariantRow[]>;
  variant: DataLoader<VariantKey, ItemVariantRow | null, string>;
  personalizedImage: Lookup<PersonalizedImageRow>;
  /** By the content hash of the picture. */
  rejection: Lookup<ImageRejectionRow>;
  /** The stored image of an item for a shopper. */
  storedImage: DataLoader<StoredImageKey, PersonalizedImageRow | null, string>;
  rankingModelVersion: Lookup<RankingModelVersionRow>;
  personalizerVersion: Lookup<PersonalizerVersionRow>;
  /** By image: the change by the active ranking model, otherwise by the newest that scored it. */
  currentRankChange: Lookup<RankChangeRow>;
  /** By job. */
  queuePosition: Lookup<number>;
  imagesOfItem: ListLookup<PersonalizedImageRow>;
  rankChangesOfItem: ListLookup<RankChangeRow>;
  historyOfUser: ListLookup<InteractionRow>;
}

/** @param scope the only user whose images and rank changes may be read; null for all users */
export function createLoaders(
  catalog: CatalogQueries,
  rankChanges: RankChangesRepository,
  personalization: Pick<ApiServices["personalization"], "findStored">,
  scope: UserScope,
): Loaders {
  const itemImage = lookup("itemId", ids => catalog.findItemImages(ids));
  return {
    storedImage: storedImages(personalization),
    item: lookup("id", async ids => {
      const items = await catalog.findItems(ids);
      items.forEach(({ id, image }) => itemImage.prime(id, image)); // most pages show it
      return items;
    }),
    user: lookup("id", ids => catalog.findUsers(ids)),
    blob: lookup("hash", hashes => catalog.findBlobs(hashes)),
    itemImage,
    caption: lookup("itemId", ids => catalog.findCaptions(ids)),
    variantsOfItem: mapLookup(ids => catalog.findVariantsOfItems(ids)),
    variant: variants(catalog),
    personalizedImage: lookup("id", ids => catalog.findPersonalizedImages(ids)),
    rejection: lookup("blobHash", hashes => catalog.findRejections(hashes)),
    rankingModelVersion: lookup("id", ids => catalog.findRankingModelVersions(ids)),
    personalizerVersion: lookup("id", ids => catalog.findPersonalizerVersions(ids)),
    currentRankChange: mapLookup(ids => rankChanges.findCurrent(ids)),
    queuePosition: mapLookup(ids => catalog.findQueuePositions(ids)),
    imagesOfItem: listLookup((ids, page) => catalog.findImagesOfItems(ids, page, scope)),
    rankChangesOfItem: listLookup((ids, page) => rankChanges.findOfItems(ids, page, scope)),
    historyOfUser: listLookup((ids, page) => catalog.findHistories(ids, page)),
  };
}

function variants(catalog: Pick<CatalogQueries, "findVariants">): Loaders["variant"] {
  const nameOf = ({ itemId, variantId }: VariantKey) => JSON.stringify([itemId, variantId]);
  return new DataLoader<VariantKey, ItemVariantRow | null, string>(
    async keys => {
      const rows = await catalog.findVariants(keys);
      const found = new Map(rows.map(row => [nameOf({ ...row, variantId: row.id }), row]));
      return keys.map(key => found.get(nameOf(key)) ?? null);
    },
    { cacheKeyFn: nameOf },
  );
}

/** One query per shopper. */
function storedImages(
  personalization: Pick<ApiServices["personalization"], "findStored">,
): Loaders["storedImage"] {
  return new DataLoader<StoredImageKey, PersonalizedImageRow | null, string>(
    async keys => {
      const found = new Map<string, Map<string, PersonalizedImageRow | null>>();
      for (const userId of new Set(keys.map(key => key.userId))) {
        const itemIds = keys.flatMap(key => (key.userId === userId ? key.itemId : []));
        const images = await personalization.findStored(userId, itemIds);
        found.set(userId, new Map(itemIds.map((itemId, place) => [itemId, images[place]])));
      }
      return keys.map(({ userId, itemId }) => found.get(userId)?.get(itemId) ?? null);
    },
    { cacheKeyFn: ({ userId, itemId }) => JSON.stringify([userId, itemId]) },
  );
}

function mapLookup<Value>(
  find: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
): Lookup<Value> {
  return new DataLoader(async ids => {
    const found = await find(ids);
    return ids.map(id => found.get(id) ?? null);
  });
}

/** @param key The column with the id. */
function lookup<Key extends string, Row extends Readonly<Record<Key, string>>>(
  key: Key,
  find: (ids: readonly string[]) => Promise<readonly Row[]>,
): Lookup<Row> {
  return mapLookup(async ids => new Map((await find(ids)).map(row => [row[key], row])));
}

/** One query per distinct page; usually one, except with aliases. */
function listLookup<Row>(
  find: (ids: readonly string[], page: PageRequest<Date>) => Promise<Lists<Row>>,
): ListLookup<Row> {
  const nameOf = (page: PageRequest<Date>) => JSON.stringify(page);
  return new DataLoader<ListKey, readonly Row[], string>(
    async keys => {
      const pages = new Map<string, { page: PageRequest<Date>; ids: string[] }>();
      for (const { parentId, page } of keys) {
        const group = pages.get(nameOf(page)) ?? { page, ids: [] };
        group.ids.push(parentId);
        pages.set(nameOf(page), group);
      }
      const found = new Map<string, Lists<Row>>();
      for (const [name, { page, ids }] of pages) {
        found.set(name, await find(ids, page));
      }
      return keys.map(({ parentId, page }) => found.get(nameOf(page))?.get(parentId) ?? []);
    },
    { cacheKeyFn: ({ parentId, page }) => JSON.stringify([parentId, page]) },
  );
}
