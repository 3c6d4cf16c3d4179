import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BlobStore } from "../../../src/db/blob-store.js";
import { openDatabase } from "../../../src/db/database.js";
import { CatalogueImportService } from "../../../src/recsys/datasets/catalogue-import.service.js";
import { MovieLensSource } from "../../../src/recsys/datasets/movielens.js";
import { emptyTemplate } from "../../helpers/databases.js";

// The real data: read where it is, never copied. Its size is published with it (README.txt of ml-latest-small).
const folder = resolve(import.meta.dirname, "../../../../shared/data/ml-latest-small");
const isThere = existsSync(folder);

describe(isThere ? "ml-latest-small" : `ml-latest-small (skipped: no ${folder})`, () => {
  (isThere ? it : it.skip)(
    "is imported whole",
    async () => {
      const home = mkdtempSync(join(tmpdir(), "vitrine-ml-"));
      const db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
      try {
        const service = new CatalogueImportService({
          prisma: db.prisma,
          blobs: new BlobStore(home),
          home,
        });
        const { counts } = await service.run(new MovieLensSource(folder));
        expect(counts).toEqual({
          items: { accepted: 9_742, rejected: 0 },
          images: { accepted: 9_702, rejected: 0 },
          interactions: { accepted: 100_836, rejected: 0 },
        });
        expect(await db.prisma.user.count()).toBe(610);
        expect(await db.prisma.caption.count()).toBe(8_664);
      } finally {
        await db.close();
        rmSync(home, { recursive: true });
      }
    },
    600_000,
  );
});
