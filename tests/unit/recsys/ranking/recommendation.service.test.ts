/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { choices, createShop, embedding, itemId, NUM_ITEMS, userId } from "./shop.js";

const like = (user: string, item: number) => ({
  ...choices()[0],
  userId: user,
  itemId: itemId(item),
});

const indexOf = (id: string) => Number(id.slice(5));

describe("RecommendationService", () => {
  let shop: Awaited<ReturnType<typeof createShop>>;

  beforeAll(async () => {
    shop = await createShop();
    await shop.train("v1", { numEpochs: 30, refit: false, itemItem: null });
  });

  afterAll(() => shop.remove());

  /** The shop with other interactions than in training, until the test ends. */
  function withRows(...added: ReturnType<typeof like>[]) {
    shop.rows.push(...added);
  }

  afterEach(() => {
    shop.rows.splice(0, Infinity, ...choices());
  });

  it("recommends the model's best items to a training user, without seen ones", async () => {
    const { items, source } = await shop.recommendations.recommend(userId(0), 3);
    expect(source).toBe("RANKER");
    expect(items.map(({ rank }) => rank)).toEqual([1, 2, 3]);
    expect(items[0].itemId).toBe(itemId(0)); // the one even item it has not chosen
    expect(items[0].score).toBeGreaterThan(items[1].score);
  });

  describe("with re-ranked lists", () => {
    const asked: string[] = [];
    const reranked = () =>
      shop.withReranked(async (id, versionId) => {
        asked.push(`${id} ${versionId}`);
        return id === userId(0)
          ? { itemIds: [itemId(3), itemId(2), itemId(0)], scores: [9, 8, 7] }
          : null;
      }).recommendations;

    it("serves a trained user's list without seen items, then the model's other items", async () => {
      const { items, source } = await reranked().recommend(userId(0), 4);
      expect(source).toBe("RERANKED");
      expect(items.slice(0, 2)).toMatchObject([
        { itemId: itemId(3), score: 9, rank: 1 },
        { itemId: itemId(0), score: 7, rank: 2 },
      ]);
      expect(new Set(items.map(item => item.itemId)).size).toBe(4);
      expect(asked.at(-1)).toBe(`${userId(0)} v1`);
    });

    it("passes every item once in the order of the list and of the model", async () => {
      const options = { excludeSeen: false };
      const { items } = await reranked().recommend(userId(0), NUM_ITEMS, options);
      const model = await shop.recommendations.recommend(userId(0), NUM_ITEMS, options);
      const first = [itemId(3), itemId(2), itemId(0)];
      const rest = model.items.map(item => item.itemId).filter(id => !first.includes(id));
      expect(items.map(item => item.itemId)).toEqual([...first, ...rest]);
    });

    it("leaves the ranking to the model for a user without a list", async () => {
      const { source } = await reranked().recommend(userId(1), 2);
      expect(source).toBe("RANKER");
    });

    it("holds a list for stale after a new choice", async () => {
      withRows(like(userId(0), 7));
      expect(await reranked().recommend(userId(0), 2)).toMatchObject({ source: "FOLD_IN" });
    });
  });

  it("includes seen items on request", async () => {
    const { items } = await shop.recommendations.recommend(userId(0), 6, { excludeSeen: false });
    expect(items.every(({ itemId }) => indexOf(itemId) % 2 === 0)).toBe(true);
  });

  it("folds in a user who is newer than the training", async () => {
    withRows(like("user-new", 1), like("user-new", 5));
    const { items, source } = await shop.recommendations.recommend("user-new", 4);
    expect(source).toBe("FOLD_IN");
    expect(items.every(({ itemId }) => indexOf(itemId) % 2 === 1)).toBe(true);
  });

  it("folds in a user who has chosen more since", async () => {
    withRows(like(userId(0), 7));
    expect(await shop.recommendations.recommend(userId(0), 1)).toMatchObject({ source: "FOLD_IN" });
    const outcome = await shop.recommendations.whatIf({ userId: userId(0) }, itemId(1), []);
    expect(outcome).toMatchObject({ numRanked: NUM_ITEMS - 6 });
  });

  describe("after interactions were deleted", () => {
    const sourceOf = async (user: string) => (await shop.recommendations.recommend(user, 1)).source;
    const remove = (user: string, numChoices: number) => {
      const own = shop.rows.filter(row => row.userId === user).slice(0, numChoices);
      shop.rows.splice(0, Infinity, ...shop.rows.filter(row => !own.includes(row)));
    };

    it("folds the user in with the rest", async () => {
      expect(await sourceOf(userId(0))).toBe("RANKER");
      remove(userId(0), 1);
      expect(await sourceOf(userId(0))).toBe("FOLD_IN");
      withRows(like(userId(0), 7)); // as many as in training, but others
      expect(await sourceOf(userId(0))).toBe("FOLD_IN");
    });

    it("treats the user as unknown when nothing is left", async () => {
      remove(userId(0), Infinity);
      expect(await sourceOf(userId(0))).toBe("POPULARITY");
      const outcome = await shop.recommendations.whatIf({ userId: userId(0) }, itemId(1), []);
      expect(outcome).toBeNull();
    });

    it("treats the user as unknown when nothing is left, also by a version that kept only numbers", async () => {
      const { recommendations } = shop.withCountsOnly();
      expect((await recommendations.recommend(userId(0), 1)).source).toBe("RANKER");
      remove(userId(0), Infinity);
      expect((await recommendations.recommend(userId(0), 1)).source).toBe("POPULARITY");
    });

    it("folds the user in without newly disliked items", async () => {
      const dislike = { ...like(userId(0), 2), kind: "RATING", weight: 1 };
      withRows({ ...dislike, occurredAt: new Date(Date.UTC(2026, 5, 1)) });
      expect(await sourceOf(userId(0))).toBe("FOLD_IN");
    });
  });

  it("does not count dislikes as preferences", async () => {
    withRows({ ...like("user-new", 2), kind: "RATING", weight: 0.5 });
    expect(await shop.recommendations.recommend("user-new", 1)).toMatchObject({
      source: "POPULARITY",
    });
  });

  describe("seen items", () => {
    const days = (count: number) => new Date(shop.now().getTime() - count * 86_400_000);
    const did = (kind: string, item: number, daysAgo: number) =>
      withRows({ ...like("user-new", item), kind, occurredAt: days(daysAgo) });
    /** Of items 3 (most popular), 4 and 1. */
    const popular = async (options?: Parameters<typeof shop.recommendations.recommend>[2]) => {
      const { items } = await empty.recommendations.recommend("user-new", 3, options);
      return items.map(({ itemId: id }) => indexOf(id));
    };
    let empty: typeof shop;

    beforeAll(async () => {
      empty = await createShop(shop.rows);
    });

    afterAll(() => empty.remove());

    it("are left out when recently viewed, or ever bought", async () => {
      did("VIEW", 3, 6);
      did("PURCHASE", 4, 600);
      expect(await popular()).toEqual([1]);
      expect(await popular({ excludeSeen: false })).toEqual([3, 4, 1]);
    });

    it("are shown again a week after a view", async () => {
      did("VIEW", 3, 8);
      did("CART", 4, 31);
      expect(await popular()).toEqual([3, 4, 1]);
    });

    it("follow the request's rules", async () => {
      did("VIEW", 3, 20);
      did("LIKE", 4, 20);
      expect(await popular({ seen: { VIEW: 30 } })).toEqual([4, 1]);
      expect(await popular({ seen: { VIEW: Infinity, LIKE: Infinity } })).toEqual([1]);
      expect(await popular({ seen: {} })).toEqual([3, 4, 1]);
    });
  });

  it("falls back on popularity, and reports it, for an unknown user", async () => {
    expect(await shop.recommendations.recommend("user-new", 2)).toEqual({
      items: [
        { itemId: itemId(3), score: 9, rank: 1, isNew: false },
        { itemId: itemId(4), score: 5, rank: 2, isNew: false },
      ],
      source: "POPULARITY",
    });
  });

  it("falls back on popularity where no model is active", async () => {
    const empty = await createShop();
    expect(await empty.recommendations.recommend(userId(5), 5)).toEqual({
      items: [{ itemId: itemId(4), score: 5, rank: 1, isNew: false }], // 3 and 1 were seen
      source: "POPULARITY",
    });
    expect(await empty.recommendations.whatIf({ userId: userId(1) }, itemId(2), [])).toBeNull();
    await empty.remove();
  });

  it("folds in purchases more than views", async () => {
    const best = async (user: string) => {
      const { items } = await shop.recommendations.recommend(user, 3);
      return items.map(({ itemId: id }) => indexOf(id) % 2);
    };
    const views = (user: string, ...items: number[]) =>
      items.map(item => ({ ...like(user, item), kind: "VIEW" }));
    withRows(...views("user-a", 0, 2, 4), { ...like("user-a", 1), kind: "PURCHASE" });
    withRows(...views("user-b", 0, 2, 4), { ...like("user-b", 1), kind: "VIEW" });
    expect(await best("user-a")).toEqual([1, 1, 1]);
    expect(await best("user-b")).toEqual([0, 0, 0]);
  });

  it("falls back on content similarity, and reports it, where no model knows the user's items", async () => {
    const { recommendations } = shop.withContent(chosen => {
      expect(chosen.map(({ itemId: id }) => id)).toEqual(["item-99", "item-98"]); // the newest first
      return [
        { itemId: itemId(7), score: 0.9 },
        { itemId: "item-99", score: 0.8 }, // was seen
        { itemId: itemId(2), score: 0.7 },
      ];
    });
    const older = { itemId: "item-98", occurredAt: new Date(0) };
    withRows({ ...like("user-new", 0), ...older }, { ...like("user-new", 0), itemId: "item-99" });
    expect(await recommendations.recommend("user-new", 5)).toEqual({
      items: [
        { itemId: itemId(7), score: 0.9, rank: 1, isNew: false },
        { itemId: itemId(2), score: 0.7, rank: 2, isNew: false },
      ],
      source: "CONTENT",
    });
  });

  it("places items newer than the training by their features", async () => {
    const { recommendations } = shop.withNewItems([
      { itemId: "item-20", index: 20 },
      { itemId: "item-21", index: 21 },
    ]);
    const ranked = async (user: string) => {
      const { items } = await recommendations.recommend(user, 20, { excludeSeen: false });
      return items.filter(({ isNew }) => isNew).map(item => [item.itemId, item.rank] as const);
    };
    const [[bestOfEven], [worstOfEven, lastRank]] = await ranked(userId(0));
    expect([bestOfEven, worstOfEven]).toEqual(["item-20", "item-21"]);
    expect(lastRank).toBeGreaterThan(NUM_ITEMS / 2); // behind all that is even
    expect((await ranked(userId(1))).map(([id]) => id)).toEqual(["item-21", "item-20"]);
  });

  it("refreshes a user's ranking in the background after new interactions", async () => {
    await shop.recommendations.recommend("user-9", 1);
    withRows(like("user-9", 9), like("user-9", 2), like("user-9", 4));
    await shop.recommendations.refresh(["user-9", "user-3"]);
    shop.numScorings = 0;
    const after = await shop.recommendations.recommend("user-9", 1);
    expect(after.source).toBe("FOLD_IN");
    expect(shop.numScorings).toBe(0); // was made by the refresh
    withRows(like("user-9", 6));
    await shop.recommendations.recommend("user-9", 1);
    expect(shop.numScorings).toBe(1);
  });

  it("restricts recommendations to one category", async () => {
    const { items } = await shop.recommendations.recommend(userId(0), 9, { category: "1" });
    expect(items.map(({ itemId }) => indexOf(itemId) % 3)).toEqual(items.map(() => 1));
    expect(items.map(({ rank }) => rank)).toEqual(items.map((_, place) => place + 1));
  });

  it("recommends the most popular items to an unknown visitor", async () => {
    const { items, source } = await shop.recommendations.recommend("nobody", 3);
    expect(source).toBe("POPULARITY");
    expect(items.map(item => item.itemId)).toEqual([itemId(3), itemId(4), itemId(1)]);
  });

  it("ranks an item among all that the user does not have", async () => {
    const rankOf = (id: string) => shop.recommendations.whatIf({ userId: userId(0) }, id, []);
    expect(await rankOf(itemId(0))).toMatchObject({ rankBefore: 1, numRanked: NUM_ITEMS - 5 });
    expect(await rankOf("item-99")).toBeNull();
  });

  it("gives an item's own image its own score and rank", async () => {
    const own = embedding("IMAGE", 1);
    const outcome = await shop.recommendations.whatIf({ userId: userId(0) }, itemId(1), [own]);
    expect(outcome).toMatchObject({
      rankingModelVersionId: "v1",
      numRanked: NUM_ITEMS - 5,
    });
    const { candidates, scoreBefore, rankBefore } = outcome!;
    expect(candidates[0].score).toBeAllclose(scoreBefore, { rtol: 1e-4 });
    expect(candidates[0]).toMatchObject({ rank: rankBefore, deltaR: 0 });
  });

  it("ranks an odd item higher for an even user when it looks like an even one, and lower when odder", async () => {
    const outcome = await shop.recommendations.whatIf({ userId: userId(0) }, itemId(1), [
      embedding("IMAGE", 2),
      embedding("IMAGE", 3),
    ]);
    const [even, odd] = outcome!.candidates;
    expect(even.score).toBeGreaterThan(outcome!.scoreBefore);
    expect(even.score).toBeGreaterThan(odd.score);
    expect(even.deltaR).toBe((outcome!.rankBefore - even.rank) / (1 + outcome!.rankBefore));
  });

  it("ranks an item newer than the training, with its own and other images", async () => {
    const { recommendations } = shop.withNewItems([{ itemId: "item-21", index: 21 }]);
    const own = embedding("IMAGE", 21);
    const outcome = await recommendations.whatIf({ userId: userId(0) }, "item-21", [
      own,
      embedding("IMAGE", 2),
    ]);
    const { items } = await recommendations.recommend(userId(0), 20);
    const before = items.find(item => item.itemId === "item-21")!;
    expect(outcome).toMatchObject({
      scoreBefore: expect.closeTo(before.score, 6) as number, // the list has float32
      rankBefore: before.rank,
      numRanked: NUM_ITEMS - 5 + 1,
    });
    const { candidates, scoreBefore } = outcome!;
    const [same, even] = candidates;
    expect(same).toEqual({ score: scoreBefore, rank: before.rank, deltaR: 0 });
    expect(even.score).toBeGreaterThan(same.score);
    expect(even.rank).toBeLessThan(same.rank);
  });

  it("has no opinion on an item or a user it does not know", async () => {
    expect(await shop.recommendations.whatIf({ userId: userId(0) }, "item-99", [])).toBeNull();
    expect(await shop.recommendations.whatIf({ userId: "user-new" }, itemId(1), [])).toBeNull();
  });
});
