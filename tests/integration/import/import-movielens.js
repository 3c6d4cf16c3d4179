// A process that imports MovieLens and tells its parent how far it is; it is there to be killed. Needs `npm run build`.
// Arguments: data folder, source folder.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../dist/db/artefact-store.js";
import { BlobStore } from "../../../dist/db/blob-store.js";
import { openDatabase } from "../../../dist/db/database.js";
import { CatalogueImportService } from "../../../dist/recsys/import/catalogue-import.service.js";
import { MovieLensSource } from "../../../dist/recsys/datasets/movielens.js";

const [home, folder] = process.argv.slice(2);
const template = new Blob([readFileSync(process.env.VITRINE_TEST_TEMPLATE)]);
const db = await openDatabase({ databaseUrl: null, folder: join(home, "postgres"), template });
const service = new CatalogueImportService({
  prisma: db.prisma,
  blobs: new BlobStore(new FolderArtefactStore(home)),
  store: new FolderArtefactStore(home),
});
const result = await service.run(new MovieLensSource(folder), {
  onProgress: progress => process.send(progress),
});
await db.close();
process.send({ result });
process.disconnect();
