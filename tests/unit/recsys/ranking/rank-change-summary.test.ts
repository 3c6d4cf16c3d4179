import {
  RankChangeSummaryService,
  summarizeRequests,
} from "../../../../src/recsys/ranking/rank-change-summary.service.js";

const image = (userId: string, deltaR: number | null) => ({ userId, hasImage: true, deltaR });
const refused = (userId: string) => ({ userId, hasImage: false, deltaR: null });

describe("summarizeRequests()", () => {
  const rows = [
    image("a", 0.5),
    image("a", -1),
    image("b", 0),
    image("b", null),
    refused("b"),
    refused("c"),
    refused("c"),
    refused("c"),
    refused("c"),
  ];

  it("counts every request, and takes fractions of all of them", () => {
    expect(summarizeRequests(rows, 0)).toMatchObject({
      numRequests: 9,
      numShown: 3,
      numRankedLower: 1,
      numBelowFloor: 5,
      numUnranked: 1,
      shownShare: 3 / 9, // not 3 / 4, as if only images were requests
      fallbackRate: 6 / 9,
    });
  });

  it("counts the catalogue image as no change, and leaves out unranked images", () => {
    const { images, requests } = summarizeRequests(rows, 0);
    expect(images).toMatchObject({ count: 3, mean: -0.5 / 3, median: 0 });
    expect(requests).toMatchObject({ count: 8, mean: 0.5 / 8, median: 0, winRate: 4.5 / 8 });
  });

  it("resamples users for its intervals: one user has no spread, however many requests", () => {
    const one = summarizeRequests([image("a", 0.5), image("a", -1), refused("a")], 3);
    expect(one.shownInterval).toEqual([1 / 3, 1 / 3]);
    expect(one.images!.meanInterval).toEqual([-0.25, -0.25]);
    const [low, high] = summarizeRequests(rows, 3).shownInterval!;
    expect([low, high]).toEqual([0, expect.closeTo(2 / 3)]); // c alone shows none, b two of three
  });

  it("is null without requests", () => {
    expect(summarizeRequests([], 0)).toMatchObject({
      numRequests: 0,
      shownShare: null,
      fallbackRate: null,
      shownInterval: null,
      images: null,
      requests: null,
    });
  });
});

describe("RankChangeSummaryService", () => {
  const asked: string[] = [];
  const service = (active: string | null) =>
    new RankChangeSummaryService({
      requests: {
        findDecided: async versionId => {
          asked.push(versionId);
          return [image("a", 0.5)];
        },
        findDecidedByVersion: async () => [],
      },
      versions: {
        findActive: async () => (active === null ? null : { id: active }),
        findById: async id => (id === "v2" ? { id } : null),
      },
    });

  it("uses the named version, otherwise the active one, and no other", async () => {
    expect(await service("v1").summarize({})).toMatchObject({ modelVersionId: "v1" });
    expect(await service("v1").summarize({ rankingModelVersionId: "v2" })).toMatchObject({
      modelVersionId: "v2",
    });
    expect(asked).toEqual(["v1", "v2"]);
    expect(await service(null).summarize({})).toMatchObject({
      modelVersionId: null,
      numRequests: 0,
    });
    await expect(service("v1").summarize({ rankingModelVersionId: "v9" })).rejects.toMatchObject({
      code: "MODEL_VERSION_NOT_FOUND",
    });
  });
});
