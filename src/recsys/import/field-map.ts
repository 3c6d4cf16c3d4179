/** @file Maps a file's columns to fields. */
import { AppError } from "../../errors/app-error.js";
import { type Field, interactionFields, itemFields, layouts, plainColumn } from "./layouts.js";
import type { SourceTable, TableOptions } from "./source-table.js";

export type TableKind = "items" | "interactions";

/** A row's cells by field, without fields that the file has no column for. */
export type FieldCells = Partial<Record<Field, unknown>>;

const required: Readonly<Record<TableKind, readonly Field[]>> = {
  items: ["id"],
  interactions: ["userId", "itemId", "kind", "occurredAt"],
};

const fieldsOf: Readonly<Record<TableKind, readonly Field[]>> = {
  items: itemFields,
  interactions: interactionFields,
};

type Sources = ReadonlyMap<Field, readonly string[]>;

/** Cached column sets. */
const MAX_KEPT = 1_000;

export class FieldMap {
  /** Field -> its columns, best first. */
  readonly sources: Sources;
  /** Unused columns of the file. */
  readonly unread: readonly string[];
  /** Used columns. */
  readonly read: readonly string[];
  readonly defaults: Readonly<Partial<Record<Field, string>>>;
  private readonly map: Readonly<Partial<Record<Field, string>>>;
  private readonly plainToColumn: ReadonlyMap<string, string>;
  /** Columns of a JSON or XML row -> their sources: such rows may differ in their columns. */
  private readonly sourcesByColumns = new Map<string, Sources>();

  /** @throws AppError `FILE_MALFORMED` if a required field has no column; `INVALID_ARGUMENT` for an invalid map. */
  constructor(
    private readonly table: SourceTable,
    readonly kind: TableKind,
    { map = {}, defaults = {} }: TableOptions = {},
  ) {
    const fields = fieldsOf[kind];
    const { columns } = table;
    this.plainToColumn = plainNames(columns);
    this.map = Object.fromEntries(
      fields.flatMap(field => {
        const name = map[field];
        return name === undefined ? [] : [[field, this.column(name, field)]];
      }),
    );
    this.sources = this.resolved(columns);
    this.defaults = {
      ...(kind === "interactions" ? { kind: impliedKind(this.sources) } : {}),
      ...Object.fromEntries(
        Object.entries(defaults).filter(([field]) => fields.includes(field as Field)),
      ),
    };
    const also = kind === "items" ? (layouts[table.layout].alsoReads ?? []) : [];
    const alsoRead = also.flatMap(name => this.plainToColumn.get(name) ?? []);
    this.read = [...new Set([...[...this.sources.values()].flat(), ...alsoRead])];
    this.unread = columns.filter(name => name !== "" && !this.read.includes(name));
    this.check();
  }

  /** The cell of a layout-specific column, by its plain name; undefined if the file has none. */
  cell(row: Readonly<Record<string, unknown>>, name: string): unknown {
    const column = this.plainToColumn.get(name);
    return column === undefined ? undefined : row[column];
  }

  /** Whether the file has a column, by its plain name. */
  has(name: string): boolean {
    return this.plainToColumn.has(name);
  }

  /** The row's cells by field. */
  cells(row: Readonly<Record<string, unknown>>): FieldCells {
    const cells: FieldCells = {};
    for (const [field, columns] of this.hasHeader() ? this.sources : this.sourcesOf(row)) {
      const values = columns.map(name => row[name]);
      cells[field] =
        field === "image" && values.length > 1
          ? values.filter(value => !isEmpty(value)).flat()
          : (values.find(value => !isEmpty(value)) ?? values[0]);
    }
    for (const [field, value] of Object.entries(this.defaults) as [Field, string | undefined][]) {
      if (value !== undefined && isEmpty(cells[field])) {
        cells[field] = value;
      }
    }
    return cells;
  }

  private hasHeader(): boolean {
    return ["csv", "tsv", "parquet"].includes(this.table.container);
  }

  private sourcesOf(row: Readonly<Record<string, unknown>>): Sources {
    const columns = Object.keys(row);
    const key = JSON.stringify(columns);
    let sources = this.sourcesByColumns.get(key);
    if (!sources) {
      sources = this.resolved(columns);
      if (this.sourcesByColumns.size >= MAX_KEPT) {
        this.sourcesByColumns.clear();
      }
      this.sourcesByColumns.set(key, sources);
    }
    return sources;
  }

  /** The sources among these columns. A column that `map` names is read for its field only. */
  private resolved(columns: readonly string[]): Sources {
    const layout = layouts[this.table.layout];
    const known: Readonly<Partial<Record<Field, readonly string[]>>> = layout[this.kind];
    const plainToColumn = plainNames(columns);
    const taken = new Set(Object.values(this.map));
    return new Map(
      fieldsOf[this.kind].flatMap(field => {
        const given = this.map[field];
        const found = (known[field] ?? []).flatMap(name => plainToColumn.get(name) ?? []);
        const free = found.filter(name => !taken.has(name));
        const used =
          given !== undefined
            ? [given].filter(name => columns.includes(name))
            : layout.joined?.includes(field)
              ? free
              : free.slice(0, 1);
        return used.length > 0 ? [[field, used] as const] : [];
      }),
    );
  }

  private column(name: string, field: Field): string {
    const { columns, file } = this.table;
    const found = columns.includes(name) ? name : this.plainToColumn.get(plainColumn(name));
    if (found === undefined && this.hasHeader()) {
      const problem = `maps ${field} to '${name}', but ${file} has the columns ${listed(columns)}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "--map", problem });
    }
    return found ?? name;
  }

  private check(): void {
    const { columns, path } = this.table;
    const needed = columns.length > 0 ? required[this.kind] : []; // a file without rows lacks nothing
    const missing = needed.filter(
      field => !this.sources.has(field) && this.defaults[field] === undefined,
    );
    const repeated = this.read.filter(name => columns.indexOf(name) !== columns.lastIndexOf(name));
    const faults = [
      ...missing.map(field => `the column '${field}' is missing`),
      ...repeated.map(name => `the column '${name}' occurs twice`),
    ];
    if (faults.length > 0) {
      const expected = `a table of ${this.kind} with the columns ${required[this.kind].join(", ")}`;
      const reason =
        `${faults.join("; ")} (its columns: ${listed(columns)}). ` +
        "Name it with --map FIELD=COLUMN, or set a value for all rows with --default FIELD=VALUE";
      throw new AppError("FILE_MALFORMED", { path, expected, reason });
    }
  }
}

/** Rows with a rating column are ratings. */
function impliedKind(sources: Sources): string | undefined {
  if (sources.has("kind")) {
    return undefined;
  }
  const [weight] = sources.get("weight") ?? [""];
  return ["rating", "stars"].includes(plainColumn(weight)) ? "rating" : undefined;
}

/** Plain name -> the first column that has it. */
function plainNames(columns: readonly string[]): ReadonlyMap<string, string> {
  return new Map(columns.map(name => [plainColumn(name), name] as const).reverse());
}

export function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === "string" && value.trim() === "")
  );
}

function listed(columns: readonly string[]): string {
  return columns.length > 0 ? columns.join(", ").slice(0, 400) : "none";
}
