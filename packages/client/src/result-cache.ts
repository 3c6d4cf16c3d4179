/** @file The results of the last minutes, so that a page that is drawn again asks nothing. */

interface Entry<Value> {
  value: Value;
  staleAt: number;
}

/** The least recently used entry goes first. */
export class ResultCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(
    private readonly max: number,
    private readonly ttlMs: number,
  ) {}

  get(key: string): Value | null {
    const entry = this.#entries.get(key);
    if (!entry) {
      return null;
    }
    this.#entries.delete(key);
    if (entry.staleAt <= Date.now()) {
      return null;
    }
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, staleAt: Date.now() + this.ttlMs });
    if (this.#entries.size > this.max) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
  }

  /** Removes the entries whose keys begin so. */
  clear(prefix = ""): void {
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix)) {
        this.#entries.delete(key);
      }
    }
  }
}
