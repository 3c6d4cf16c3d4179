import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { type RerankedList, RerankedLists } from "../../../../src/recsys/ranking/reranked-lists.js";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "lists-"));
});

afterEach(() => rm(home, { recursive: true }));

const list = (...itemIds: string[]): RerankedList => ({
  itemIds,
  scores: itemIds.map((_, place) => 10 - place),
});
const open = () => new RerankedLists(new FolderArtefactStore(home));
const lists = new Map(
  Array.from({ length: 40 }, (_, user) => [`user ${user}`, list(`item ${user}`)]),
);
const first = { runId: "run 1", rankingModelVersionId: "v1" };

describe("RerankedLists", () => {
  it("keeps each user's list, also for another process", async () => {
    await open().replace(first, lists);
    for (const [userId, expected] of lists) {
      expect(await open().of(userId, "v1")).toEqual(expected);
    }
  });

  it("has none before a run, for an unknown user, and for another version of the model", async () => {
    expect(await open().of("user 1", "v1")).toBeNull();
    await open().replace(first, lists);
    expect(await open().of("user 41", "v1")).toBeNull();
    expect(await open().of("toString", "v1")).toBeNull();
    expect(await open().of("user 1", "v2")).toBeNull();
  });

  it("replaces the lists of the run before and removes its files", async () => {
    const own = open();
    await own.replace(first, lists);
    expect(await own.of("user 1", "v1")).not.toBeNull();
    const second = new Map([["user 1", list("other")]]);
    await own.replace({ runId: "run 2", rankingModelVersionId: "v2" }, second);
    expect(await own.of("user 1", "v2")).toEqual(list("other"));
    expect(await own.of("user 2", "v2")).toBeNull();
    const left = await readdir(join(home, "reranks", "lists"), { recursive: true });
    expect(left.filter(name => name.startsWith("run 1") && name.endsWith(".json"))).toEqual([]);
  });

  it("erases a deleted user and keeps the others", async () => {
    const own = open();
    await own.replace(first, lists);
    await own.erase("user 1");
    await own.erase("nobody");
    expect(await own.of("user 1", "v1")).toBeNull();
    expect(await open().of("user 1", "v1")).toBeNull();
    for (const userId of [...lists.keys()].filter(id => id !== "user 1")) {
      expect(await open().of(userId, "v1")).not.toBeNull();
    }
  });

  it("lets the model rank where a file has another form", async () => {
    await open().replace(first, lists);
    await writeFile(join(home, "reranks", "lists", "current.json"), '{"runId":7}');
    expect(await open().of("user 1", "v1")).toBeNull();
  });
});
