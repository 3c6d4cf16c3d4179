/**
 * @file The items of each point of the caption index.
 *
 * Many products have the same caption. Each distinct embedding is one point of the graph, and a point knows its items.
 * Labels are 0, 1, 2, … in insertion order; a label without items is never reused.
 */

/** An item of a point, and the hash of its embedding's source. */
export type LabelledItem = readonly [itemId: string, sourceHash: string];

export class PointItems {
  /** Items of each label; an empty set for a deleted label. */
  private readonly groups: Set<string>[] = [];
  private readonly entryOf = new Map<string, { label: number; sourceHash: string }>();
  /** Cached sorted items of searched labels. */
  private readonly sorted = new Map<number, readonly string[]>();
  private numDeleted = 0;

  constructor(labels: readonly (readonly LabelledItem[])[] = []) {
    for (const items of labels) {
      const label = this.addLabel();
      items.forEach(item => {
        this.add(label, item);
      });
    }
    this.numDeleted = this.groups.filter(items => items.size === 0).length;
  }

  get numItems(): number {
    return this.entryOf.size;
  }

  /** Labels given so far, including deleted ones. */
  get numLabels(): number {
    return this.groups.length;
  }

  /** Labels that have items. */
  get numPoints(): number {
    return this.groups.length - this.numDeleted;
  }

  get itemIds(): Iterable<string> {
    return this.entryOf.keys();
  }

  entry(itemId: string): { label: number; sourceHash: string } | null {
    return this.entryOf.get(itemId) ?? null;
  }

  /** Adds a label without items. */
  addLabel(): number {
    return this.groups.push(new Set()) - 1;
  }

  /** Adds an unknown item. */
  add(label: number, [itemId, sourceHash]: LabelledItem): void {
    this.groups[label].add(itemId);
    this.sorted.delete(label);
    this.entryOf.set(itemId, { label, sourceHash });
  }

  /** @returns The label that lost its last item, null if it has others or the item is unknown. */
  remove(itemId: string): number | null {
    const entry = this.entryOf.get(itemId);
    if (!entry) {
      return null;
    }
    const { label } = entry;
    this.groups[label].delete(itemId);
    this.sorted.delete(label);
    this.entryOf.delete(itemId);
    if (this.groups[label].size > 0) {
      return null;
    }
    this.numDeleted++;
    return label;
  }

  /** Whether any item of the label meets a condition. */
  some(label: number, condition: (itemId: string) => boolean): boolean {
    for (const itemId of this.groups[label]) {
      if (condition(itemId)) {
        return true;
      }
    }
    return false;
  }

  /** The items of a label, sorted by id. */
  itemsOf(label: number): readonly string[] {
    const known = this.sorted.get(label);
    if (known) {
      return known;
    }
    const items = [...this.groups[label]].sort();
    if (items.length > 1) {
      this.sorted.set(label, items);
    }
    return items;
  }

  /** Labels that have items, ascending. */
  liveLabels(): number[] {
    return this.groups.flatMap((items, label) => (items.size > 0 ? [label] : []));
  }

  /** The state to store: the items of each label. */
  labels(): LabelledItem[][] {
    return this.groups.map(items =>
      [...items].map(itemId => [itemId, this.entryOf.get(itemId)!.sourceHash] as const),
    );
  }
}
