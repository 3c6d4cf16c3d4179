/**
 * @file The header of a safetensors file, checked like the reference implementation: the tensors must cover all values
 * once, without gaps or overlaps, so that no bytes are hidden and all readers see the same tensors.
 *
 * https://github.com/huggingface/safetensors#format
 */

/** Bytes of one value; F16, BF16 and I8 are read-only. */
export const valueBytes = { F32: 4, F16: 2, BF16: 2, I32: 4, I8: 1 } as const;

export type ValueType = keyof typeof valueBytes;

/** Limit of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

export interface HeaderEntry {
  dtype: ValueType;
  shape: number[];
  data_offsets: [start: number, end: number];
}

export interface SafetensorsHeader {
  /** By tensor name. */
  entries: ReadonlyMap<string, HeaderEntry>;
  metadata: Readonly<Record<string, string>>;
}

/**
 * Reads and checks a header.
 *
 * @param numBytes Size of the values after it.
 * @throws what `malformed` returns for the fault.
 */
export function parseHeader(
  bytes: Uint8Array,
  numBytes: number,
  malformed: (reason: string) => Error,
): SafetensorsHeader {
  const text = Buffer.from(bytes).toString("utf8");
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw malformed("its header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw malformed("its header is not an object");
  }
  const repeated = repeatedKey(text);
  if (repeated !== null) {
    throw malformed(`its header has '${repeated}' twice`);
  }
  const { __metadata__: metadata = {}, ...tensors } = header as Record<string, unknown>;
  const isText = (value: unknown) => typeof value === "string";
  if (typeof metadata !== "object" || metadata === null || !Object.values(metadata).every(isText)) {
    throw malformed("its metadata is not text by name");
  }
  const entries = new Map(Object.entries(tensors as Record<string, HeaderEntry>));
  for (const [name, entry] of entries) {
    const fault = entryFault(entry, numBytes);
    if (fault) {
      throw malformed(`tensor '${name}' ${fault}`);
    }
  }
  const gap = gapFault(entries, numBytes);
  if (gap) {
    throw malformed(gap);
  }
  return { entries, metadata: metadata as Record<string, string> };
}

/** The fault of a tensor's entry, or null. */
function entryFault(entry: HeaderEntry | null, numBytes: number): string | null {
  const { dtype, shape, data_offsets } = entry ?? ({} as HeaderEntry);
  if (!Object.hasOwn(valueBytes, dtype)) {
    return `has values of type ${dtype}; supported are ${Object.keys(valueBytes).join(", ")}`;
  }
  if (!Array.isArray(shape) || !shape.every(size => Number.isSafeInteger(size) && size >= 0)) {
    return "has no shape";
  }
  const isPlace = Array.isArray(data_offsets) && data_offsets.length === 2;
  if (!isPlace || !data_offsets.every(offset => Number.isSafeInteger(offset) && offset >= 0)) {
    return "has no offsets";
  }
  const [start, end] = data_offsets;
  const expected = shape.reduce((product, size) => product * size, 1) * valueBytes[dtype];
  if (end - start !== expected) {
    return `is [${shape}], which needs ${expected} bytes, but has ${end - start}`;
  }
  if (end > numBytes) {
    return `ends at byte ${end} of ${numBytes}: the file is cut off`;
  }
  return null;
}

/** The first gap, overlap or excess in the values, or null. */
function gapFault(entries: ReadonlyMap<string, HeaderEntry>, numBytes: number): string | null {
  const places = [...entries].map(([name, { data_offsets }]) => ({ name, place: data_offsets }));
  places.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1]);
  let at = 0;
  for (const { name, place } of places) {
    const [start, end] = place;
    if (start !== at) {
      const what = start < at ? "overlaps the tensor before it" : "leaves a gap before it";
      return `tensor '${name}' starts at byte ${start} instead of ${at}: it ${what}`;
    }
    at = end;
  }
  return at === numBytes ? null : `its tensors end at byte ${at}, but there are ${numBytes}`;
}

/** The first duplicate key of any object in valid JSON, at any depth; null if there is none. */
function repeatedKey(json: string): string | null {
  const open: Set<string>[] = [];
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}]/g)) {
    if (token === "{") {
      open.push(new Set());
    } else if (token === "}") {
      open.pop();
    } else if (token.endsWith(":")) {
      const key = JSON.parse(token.slice(0, -1)) as string;
      const keys = open[open.length - 1];
      if (keys.has(key)) {
        return key;
      }
      keys.add(key);
    }
  }
  return null;
}
