import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import {
  CatalogueKindService,
  storedVerdict,
} from "../../../../src/recsys/catalogue/catalogue-kind.service.js";

let home: string;
let store: FolderArtefactStore;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-kind-"));
  store = new FolderArtefactStore(home);
});
afterEach(() => rm(home, { recursive: true }));

/** A catalogue of images that each show what their hash says: `d`, a drawing; `p`, a photograph; `x`, nothing readable. */
function serviceOf(images: readonly string[]) {
  let numSeen = 0;
  const service = new CatalogueKindService({
    catalogue: {
      countImages: async () => images.length,
      sampleImages: async limit => images.slice(0, limit),
    },
    imageFiles: {
      load: async hash => {
        if (hash === "x") {
          throw new Error("unreadable");
        }
        return {
          widthPixels: 1,
          heightPixels: 1,
          pixels: Buffer.from([hash === "d" ? 1 : 0, 0, 0]),
        };
      },
    },
    classify: async ({ pixels }) => {
      numSeen++;
      return pixels[0];
    },
    store,
  });
  return { service, numSeen: () => numSeen };
}

const many = (hash: string, count: number) => new Array<string>(count).fill(hash);

describe("CatalogueKindService", () => {
  it("has no verdict on a catalogue without a readable image", async () => {
    const none = { verdict: null, former: null };
    expect(await serviceOf([]).service.verdict()).toEqual(none);
    expect(await serviceOf(["x", "x"]).service.verdict()).toEqual(none);
  });

  it("takes the majority, and leaves out what it cannot read", async () => {
    const { service } = serviceOf(["d", "p", "x", "p", "p"]);
    const { verdict } = await service.verdict();
    const expected = { kind: "PHOTOGRAPHS", confidence: 0.75, numImages: 4, numInCatalogue: 5 };
    expect(verdict).toEqual(expected);
    expect(await storedVerdict(store)).toBeNull(); // too few images
  });

  it("stores a verdict on 20 images, and asks again when the catalogue has doubled", async () => {
    await serviceOf(many("d", 20)).service.verdict();
    expect(await storedVerdict(store)).toMatchObject({ kind: "DRAWINGS", confidence: 1 });

    const grown = serviceOf(many("p", 39));
    expect((await grown.service.verdict()).verdict?.kind).toBe("DRAWINGS");
    expect(grown.numSeen()).toBe(0);

    const doubled = serviceOf(many("p", 100));
    const { former, verdict } = await doubled.service.verdict();
    expect(former?.kind).toBe("DRAWINGS");
    expect(verdict).toMatchObject({ kind: "PHOTOGRAPHS", numImages: 64, numInCatalogue: 100 });
    expect((await serviceOf(many("p", 100)).service.verdict()).former).toBeNull();
  });

  it("makes a damaged verdict again", async () => {
    await serviceOf(many("d", 20)).service.verdict();
    await writeFile(join(home, "catalogue", "kind.json"), "{");
    expect((await serviceOf(many("p", 20)).service.verdict()).verdict?.kind).toBe("PHOTOGRAPHS");
  });
});
