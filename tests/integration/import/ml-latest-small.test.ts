import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import { openDatabase } from "../../../src/db/database.js";
import { MovieLensSource } from "../../../src/recsys/datasets/movielens.js";
import { CatalogueImportService } from "../../../src/recsys/import/catalogue-import.service.js";
import { emptyTemplate } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";

// The real data: read in place, never copied. Its size is published with it (README.txt of ml-latest-small).
const folder = resolve(import.meta.dirname, "../../../../shared/data/ml-latest-small");
// All rows, and a sample of its posters; `npm run bench -- import` reads all 9,702.
const NUM_POSTERS = 500;
const isThere = existsSync(folder);

describe(isThere ? "ml-latest-small" : `ml-latest-small (skipped: no ${folder})`, () => {
  (isThere ? it : it.skip)(
    "is imported: all movies and ratings, and posters",
    async () => {
      const home = mkdtempSync(join(tmpdir(), "vitrine-ml-"));
      const source = join(home, "source");
      mkdirSync(join(source, "posters"), { recursive: true });
      const posters = readdirSync(join(folder, "posters")).slice(0, NUM_POSTERS);
      for (const name of [
        "movies.csv",
        "ratings.csv",
        "captions.csv",
        ...posters.map(poster => join("posters", poster)),
      ]) {
        symlinkSync(join(folder, name), join(source, name));
      }
      const db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
      try {
        const service = new CatalogueImportService({
          prisma: db.prisma,
          blobs: new BlobStore(new FolderArtefactStore(home)),
          store: new FolderArtefactStore(home),
        });
        const { counts } = await service.run(new MovieLensSource(source));
        expect(counts).toEqual({
          items: { accepted: 9_742, rejected: 0 },
          images: { accepted: NUM_POSTERS, rejected: 0 },
          interactions: { accepted: 100_836, rejected: 0 },
        });
        expect(await db.prisma.user.count()).toBe(610);
        expect(await db.prisma.caption.count()).toBe(8_664);
      } finally {
        await db.close();
        rmSync(home, { recursive: true });
      }
    },
    patience(240_000),
  );
});
