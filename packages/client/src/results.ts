/** @file What the client's calls give. */
import type { InteractionInput, OutcomeFragment, RecommendationsQuery } from "./api/operations.js";

export interface SizedImage {
  url: string;
  widthPixels: number;
  heightPixels: number;
}

/** The image of an item for a shopper, or why the shop's own is shown. */
export type PersonalizedResult =
  | {
      kind: "PERSONALIZED";
      /** A UUID. */
      id: string;
      image: SizedImage;
      /** `GENERATED`, `STUDIO` (the product's pixels are the shop's own) or `VARIANT` (an image of the shop's own). */
      imageKind: string;
      /** A sentence for the image's label; null if nothing is generated. */
      disclosure: string | null;
      /** Whether it existed before this request. */
      isCached: boolean;
    }
  | {
      kind: "ORIGINAL";
      /** Why, such as `NO_HISTORY`; `UNKNOWN` from an API that is newer than this client. */
      reason: string;
      /** The reason, for people. */
      message: string;
      faults: readonly string[];
      /** When to ask again; null if the answer will be the same. */
      retryAt: Date | null;
      /** The catalogue image; null if there is none. */
      image: SizedImage | null;
    };

/** How far a generation is. */
export interface Progress {
  state: string;
  /** 0 to 1. */
  progress: number;
  /** For people; may be empty. */
  stage: string;
  /** Address of the newest preview; null without one. */
  previewUrl: string | null;
}

export type Interaction = Omit<InteractionInput, "occurredAt"> & {
  /** ISO 8601. Default: now. */
  occurredAt?: string;
};

type Edge = RecommendationsQuery["recommendations"]["edges"][number];

export interface Recommendations {
  source: string;
  items: (Edge["node"] & Omit<Edge, "node">)[];
  /** For the next page; null on the last. */
  after: string | null;
}

/** @param absolute makes an address that any page can load */
export function imageResult(
  outcome: OutcomeFragment,
  absolute: (url: string) => string,
): PersonalizedResult {
  switch (outcome.__typename) {
    case "PersonalizedImagePayload": {
      const { disclosure, file, id, kind, url } = outcome.image;
      return {
        kind: "PERSONALIZED",
        id,
        image: { url: absolute(url), ...file },
        imageKind: kind,
        disclosure,
        isCached: outcome.isCached,
      };
    }
    case "OriginalImage": {
      const { catalogueImage: image, faults, message, reason, retryAt } = outcome;
      return {
        kind: "ORIGINAL",
        ...{ reason, message, faults },
        retryAt: retryAt === null ? null : new Date(retryAt),
        image: image && { ...image, url: absolute(image.url) },
      };
    }
    case "JobRunning":
    default: {
      const message = "The API answered with something that this client does not know";
      return {
        kind: "ORIGINAL",
        reason: "UNKNOWN",
        message,
        faults: [],
        retryAt: null,
        image: null,
      };
    }
  }
}
