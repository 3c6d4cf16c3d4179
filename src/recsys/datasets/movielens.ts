/**
 * @file MovieLens (ml-latest and its small sample; GroupLens, research use only), optionally with texts and posters.
 *
 * - `movies.csv`, `ratings.csv`: as GroupLens publishes them. A rating becomes a RATING interaction whose weight is its
 *   stars; the ranker's training decides which count as liked.
 * - `captions.csv` (optional): texts about the films. The first one present, in the order of {@link TEXT_COLUMNS},
 *   becomes the description.
 * - `posters/<movieId>.jpg` (optional): the catalogue images.
 *
 * Captions. The paper retrieves a user's past items by sentences about them (Eq. 1-2). A film with a text gets an
 * imported caption: title, genres and the text's first sentence. It describes the film rather than its poster, which is
 * what MovieLens offers. The captioner writes the others.
 */
import { basename, extname, join, resolve } from "node:path";
import { z } from "zod";
import { checkCsvHeader, csvRows, type CsvShape } from "../import/csv-rows.js";
import {
  captionField,
  checkedRow,
  descriptionField,
  idField,
  imagesPart,
  interactionsPart,
  itemsPart,
  readImage,
  storeImage,
  titleField,
} from "../import/import-parts.js";
import type { ImportPart, ImportSource, SourceRow } from "../import/import-source.js";
import {
  contentVersion,
  countLines,
  fileExists,
  folderVersion,
  listImages,
} from "../import/source-files.js";

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** Columns of captions.csv that hold a text, best first. */
const TEXT_COLUMNS = [
  "tmdb_overview",
  "omdb_plot",
  "wiki_extract",
  "tmdb_title_match",
  "llm_description",
] as const;

const MOVIES: CsvShape = { required: ["movieId", "title", "genres"] };
const RATINGS: CsvShape = { required: ["userId", "movieId", "rating", "timestamp"] };
const TEXTS: CsvShape = { required: ["movieId"] };

const MAX_CAPTION_CHARACTERS = 300;
const NO_GENRES = "(no genres listed)";

const movieId = idField.regex(/^\d+$/, "must be a whole number");
const movieRow = z.object({ movieId, title: titleField, genres: z.string() });
const ratingRow = z.object({
  userId: idField.regex(/^\d+$/, "must be a whole number"),
  movieId,
  rating: z.coerce.number().min(0.5).max(5),
  timestamp: z.coerce.number().int().min(0).max(4_102_444_800, "must be Unix seconds before 2100"),
});
const textRow = z.object({ movieId }).catchall(z.string());

export class MovieLensSource implements ImportSource {
  readonly kind = "movielens";
  readonly location: string;

  constructor(folder: string) {
    this.location = resolve(folder);
  }

  async files(): Promise<Record<string, string>> {
    const versions: Record<string, string> = {};
    for (const name of ["movies.csv", "ratings.csv"]) {
      versions[name] = await contentVersion(this.path(name));
    }
    if (await fileExists(this.path("captions.csv"))) {
      versions["captions.csv"] = await contentVersion(this.path("captions.csv"));
    }
    versions.posters = await folderVersion(this.path("posters"));
    return versions;
  }

  async parts(): Promise<readonly ImportPart[]> {
    await checkCsvHeader(this.path("movies.csv"), MOVIES);
    await checkCsvHeader(this.path("ratings.csv"), RATINGS);
    const texts = await this.readTexts();
    return [await this.items(texts), await this.images(), await this.interactions()];
  }

  private async items({ texts, rejected }: Texts): Promise<ImportPart> {
    const movies = () => csvRows(this.path("movies.csv"), "movies.csv", MOVIES);
    return itemsPart({
      numRows: (await countLines(this.path("movies.csv"))) - 1 + rejected.length,
      read: async function* () {
        yield* rejected;
        yield* movies();
      },
      prepare: value => {
        const { movieId: id, title, genres } = checkedRow(movieRow, value);
        const keywords =
          genres === NO_GENRES ? [] : genres.split("|").filter(genre => genre !== "");
        const description = texts.get(id) ?? "";
        const caption = description === "" ? null : movieCaption(title, keywords, description);
        const category = keywords[0] ?? null;
        return {
          id,
          title,
          description,
          category,
          keywords,
          caption,
          isAvailable: true,
          attribution: null,
        };
      },
    });
  }

  private async images(): Promise<ImportPart> {
    const folder = this.path("posters");
    const names = await listImages(folder);
    return imagesPart({
      numRows: names.length,
      read: async function* () {
        for (const [index, name] of names.entries()) {
          const file = `posters/${name}`;
          yield { file, line: index + 1, bytes: 0, raw: file, value: name, fault: null };
        }
      },
      prepare: async (value, { blobs }) => {
        const name = value as string; // the type that `read` yields
        const itemId = basename(name, extname(name));
        const bytes = await readImage(join(folder, name));
        return storeImage(itemId, bytes, { source: `posters/${name}`, blobs });
      },
    });
  }

  private async interactions(): Promise<ImportPart> {
    return interactionsPart({
      numRows: (await countLines(this.path("ratings.csv"))) - 1,
      read: () => csvRows(this.path("ratings.csv"), "ratings.csv", RATINGS),
      prepare: value => {
        const { userId, movieId: itemId, rating, timestamp } = checkedRow(ratingRow, value);
        const occurredAt = new Date(timestamp * 1000);
        return { userId, itemId, kind: "RATING", weight: rating, occurredAt };
      },
    });
  }

  private async readTexts(): Promise<Texts> {
    const texts = new Map<string, string>();
    const rejected: SourceRow[] = [];
    const path = this.path("captions.csv");
    if (await fileExists(path)) {
      for await (const row of csvRows(path, "captions.csv", TEXTS)) {
        const { data, error } = textRow.safeParse(row.value);
        if (error) {
          rejected.push({ ...row, fault: row.fault ?? "movieId: must be a whole number" });
          continue;
        }
        const best = TEXT_COLUMNS.map(column => bestText(data[column])).find(text => text !== "");
        texts.set(data.movieId, best ?? "");
      }
    }
    return { texts, rejected };
  }

  private path(name: string): string {
    return join(this.location, name);
  }
}

/** Item id -> its best text, and the unreadable rows. */
interface Texts {
  texts: ReadonlyMap<string, string>;
  rejected: readonly SourceRow[];
}

function bestText(found: string | undefined): string {
  return descriptionField.safeParse((found ?? "").replace(/\s+/g, " ")).data ?? "";
}

/** Title, genres and the first sentence of a text, at most 300 characters. */
export function movieCaption(title: string, genres: readonly string[], text: string): string {
  const [first] = sentences.segment(text);
  const about = [title, ...genres.map(genre => genre.toLowerCase())].join(", ");
  const caption = `${about}: ${first.segment.trim()}`;
  return captionField.parse(
    caption.length <= MAX_CAPTION_CHARACTERS
      ? caption
      : `${caption.slice(0, MAX_CAPTION_CHARACTERS - 1).replace(/\s+\S*$/, "")}…`,
  );
}
