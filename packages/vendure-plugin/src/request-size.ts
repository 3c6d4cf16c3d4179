/** @file Items that fit into a request to Vitrine. */
import type { ItemInput } from "./api/operations";

export interface FittingItem {
  item: ItemInput;
  /** Ids of the item or its variants whose images are not sent: the item keeps the one that Vitrine has, a variant has none of its own. */
  leftOut: readonly string[];
}

export function bytesOf(item: ItemInput): number {
  return Buffer.byteLength(JSON.stringify(item));
}

/** The item with as many of its images as `maxBytes` allow: those of its last variants are left out first. */
export function fitting(item: ItemInput, maxBytes: number): FittingItem {
  const variants = [...(item.variants ?? [])];
  const leftOut: string[] = [];
  let numBytes = bytesOf(item);
  for (let place = variants.length - 1; place >= 0 && numBytes > maxBytes; place--) {
    const { imageUrl, ...rest } = variants[place];
    if (imageUrl) {
      variants[place] = rest;
      leftOut.unshift(rest.id);
      numBytes -= imageUrl.length;
    }
  }
  const { imageUrl, ...rest } = item;
  if (numBytes > maxBytes && imageUrl) {
    return { item: { ...rest, variants }, leftOut: [item.id, ...leftOut] };
  }
  return { item: leftOut.length > 0 ? { ...item, variants } : item, leftOut };
}
