/** @file Counts occurrences by kind, with the first examples of each. */

export interface TallyLine {
  kind: string;
  count: number;
  /** The first examples of this kind. */
  first: readonly string[];
}

/** Examples per kind. */
const NUM_EXAMPLES = 10;

export class Tally {
  private readonly found = new Map<string, { count: number; first: string[] }>();

  add(kind: string, one: string): void {
    const { count, first } = this.found.get(kind) ?? { count: 0, first: [] };
    if (first.length < NUM_EXAMPLES) {
      first.push(one);
    }
    this.found.set(kind, { count: count + 1, first });
  }

  /** Most frequent kinds first. */
  lines(): TallyLine[] {
    return Array.from(this.found, ([kind, line]) => ({ kind, ...line })).sort(
      (a, b) => b.count - a.count,
    );
  }
}
