/** @file The tables of a result file, whatever its kind: each list of objects in it is one. */

export interface Cell {
  text: string;
  /** Null: not a number. */
  value: number | null;
  interval: readonly [number, number] | null;
}

export interface ResultTable {
  name: string;
  columns: string[];
  rows: ReadonlyMap<string, Cell>[];
}

/** Lists that repeat what others sum up, one row for each seed and user. */
const leftOut = new Set(["runs", "outcomes", "seeds", "configs"]);
const MAX_COLUMNS = 24;
const MAX_ROWS = 200;
/** Levels of objects within a row that become columns. */
const MAX_DEPTH = 3;

type Json = Readonly<Record<string, unknown>>;

export function tablesOf(file: Json): ResultTable[] {
  const lists = Object.entries(file).flatMap(([name, value]) => listsOf(name, value));
  return lists.flatMap(([name, list]): ResultTable[] => {
    const rows = list.slice(0, MAX_ROWS).map(row => new Map(cellsOf(row, "", 0)));
    const columns = [...new Set(rows.flatMap(row => [...row.keys()]))].slice(0, MAX_COLUMNS);
    return columns.length > 0 ? [{ name, columns, rows }] : [];
  });
}

/** What a file says of itself: its texts and numbers. */
export function factsOf(file: Json): [name: string, text: string][] {
  return Object.entries(file).flatMap(([name, value]): [string, string][] =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? [[name, String(value)]]
      : [],
  );
}

function listsOf(name: string, value: unknown): [name: string, list: Json[]][] {
  if (leftOut.has(name)) {
    return [];
  }
  if (Array.isArray(value)) {
    const list = value.filter(isObject);
    return list.length > 0 ? [[name, list]] : [];
  }
  return isObject(value) && Object.values(value).every(isObject) && Object.keys(value).length > 0
    ? [[name, Object.entries(value).map(([key, row]) => ({ name: key, ...(row as Json) }))]]
    : [];
}

function cellsOf(row: Json, prefix: string, depth: number): [column: string, cell: Cell][] {
  return Object.entries(row).flatMap(([key, value]): [string, Cell][] => {
    const column = prefix === "" ? key : `${prefix} ${key}`;
    if (leftOut.has(key)) {
      return [];
    }
    if (isFigure(value)) {
      return [[column, { text: "", value: value.value, interval: value.interval }]];
    }
    if (isInterval(value)) {
      return [[column, { text: value.map(shortNumber).join(" to "), value: null, interval: null }]];
    }
    if (isObject(value)) {
      return depth < MAX_DEPTH ? cellsOf(value, column, depth + 1) : [];
    }
    if (typeof value === "number") {
      return [[column, { text: "", value, interval: null }]];
    }
    return typeof value === "string" || typeof value === "boolean"
      ? [[column, { text: String(value), value: null, interval: null }]]
      : [];
  });
}

export function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(4)).toString();
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInterval(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(end => typeof end === "number");
}

function isFigure(value: unknown): value is { value: number; interval: [number, number] } {
  return isObject(value) && typeof value.value === "number" && isInterval(value.interval);
}
