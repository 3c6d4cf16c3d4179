/** @file Why an item keeps its catalogue image, in a few words. */
import type { OriginalReason } from "../api/storefront-shop";

const titles: Readonly<Record<OriginalReason, string>> = {
  BELOW_QUALITY_FLOOR: "Kept: drawings not good enough",
  BUSY: "Kept: too many images today",
  CANCELLED: "Kept: drawing was cancelled",
  GENERATION_FAILED: "Kept: drawing failed",
  HISTORY_NOT_INDEXED: "Kept: history not indexed yet",
  ITEM_NOT_INDEXED: "Kept: not indexed yet",
  MASK_IMPLAUSIBLE: "Kept: product and backdrop alike",
  NO_BETTER_VARIANT: "Kept: no variant suits better",
  NO_HISTORY: "Kept: nothing known of this user",
  NO_IMAGE: "There is no image",
  OPTED_OUT: "Kept: this user opted out",
  RANKED_LOWER: "Kept: ranks best as it is",
  REJECTED: "Kept: the shop rejected the image",
};

export function reasonTitle(reason: OriginalReason): string {
  return titles[reason];
}
