/**
 * @file The types of the public API, in plain words: they name no type of Prisma, TensorFlow.js or another package that a host
 * may lack, so that a strict host compiles with `skipLibCheck: false`.
 */
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";
import type { Logger } from "pino";
import type { Config } from "./config/config.js";
import type { ArtefactStore } from "./db/artefact-store.js";
import type { ImageGenerator } from "./ml/diffusion/image-generator.js";
import type { ModerationStrategy } from "./ml/moderation/moderation-strategy.js";
import type { FederationOptions } from "./plugin/federate-schema.js";
import type { PersonalizationMethod } from "./recsys/images/personalization-method.js";
import type { PictureRanker } from "./recsys/ranking/picture-ranker.js";

export interface DatabaseOptions {
  /** A Postgres to use; null for the embedded one. */
  databaseUrl: string | null;
  /** Folder of the embedded Postgres; null keeps it in memory. */
  folder: string | null;
  /** Connections to a real Postgres; default 10. */
  maxConnections?: number;
}

/** What {@link openDatabase} opened. */
export interface Database {
  readonly kind: "embedded" | "postgres";
  close(): Promise<void>;
}

/** Who asks: a shopper, who sees their own pictures only, or a server of the shop with a role. */
export type Viewer =
  | {
      readonly kind: "SHOPPER";
      readonly userId: string;
      /** A websocket of this shopper is closed then. Default: never. */
      readonly expiresAt?: Date;
    }
  | {
      readonly kind: "KEY";
      /** A name of the host's own for this caller. */
      readonly keyId: string;
      readonly role: "STOREFRONT" | "RECOMMENDER" | "ADMIN";
    }
  | {
      /** Somebody who joined a study by its link; only `vitrine serve` has the page for it. */
      readonly kind: "PARTICIPANT";
      readonly participantId: string;
      readonly studyId: string;
    };

/** The `Authorization` header of a request, or whom the host has made out by its own means; null is nobody. */
export type Caller = string | null | undefined | { readonly viewer: Viewer | null };

/** What resolvers are given of a request. */
export interface RequestContext {
  readonly viewer: Viewer | null;
}

export interface PersonalizeOptions {
  /** How long to wait for a picture before the job is returned, in milliseconds, 0..60,000. Default 0. */
  waitMs?: number | null;
  seed?: number | null;
  strength?: number | null;
  guidanceScale?: number | null;
  numSteps?: number | null;
  numCandidates?: number | null;
}

export type PersonalizeOutcome =
  | {
      kind: "image";
      image: { id: string; userId: string; itemId: string; blobHash: string };
      cached: boolean;
    }
  | { kind: "running"; job: { id: string } }
  | { kind: "original"; item: { id: string }; reason: string };

/** What the API does, as methods. They check no rights: the host calls them for itself. */
export interface PluginServices {
  readonly personalization: {
    request(
      userId: string,
      itemId: string,
      options?: PersonalizeOptions,
    ): Promise<PersonalizeOutcome>;
  };
  readonly recommendations: {
    recommend(
      userId: string,
      k: number,
      options: { excludeSeen?: boolean; category?: string | null; onlyAvailable?: boolean },
    ): Promise<{
      items: readonly { itemId: string; score: number; rank: number; isNew: boolean }[];
      source: string;
    }>;
  };
  readonly similar: {
    similarItems(
      itemId: string,
      k: number,
    ): Promise<readonly { itemId: string; similarity: number }[]>;
  };
  readonly access: {
    /** @throws AppError `UNAUTHENTICATED`, `TOKEN_INVALID` */
    authenticate(authorization: string | null | undefined): Promise<Viewer | null>;
    issueShopperToken(
      userId: string,
      ttlSeconds: number,
    ): Promise<{ token: string; expiresAt: Date }>;
  };
}

export interface PluginOptions {
  db: Database;
  config: Config;
  logger: Logger;
  /** Whether this process runs jobs; default: as `config.runJobs` says. */
  runJobs?: boolean;
  /** Where files are kept; default: the folder `config.home`. */
  store?: ArtefactStore;
  /** Moderation of generated images; default: `config.moderation`. */
  moderation?: ModerationStrategy;
  /** What draws images; default: the model pack, in threads. */
  generator?: ImageGenerator;
  /** What conditions served images; default: RAGAR with the active personalizer, else the plain condition. */
  method?: PersonalizationMethod;
  /** What ranks an item by another image; default: the active ranking model. */
  ranker?: PictureRanker;
  /** Makes `schema` a subgraph of Apollo Federation 2; `true` takes the defaults. Default: a schema of its own. */
  federation?: boolean | FederationOptions;
}

export interface Plugin {
  /** Its limits and its codes hold in every server: resolvers check and tell them themselves. */
  readonly schema: GraphQLSchema;
  /**
   * Makes the context of one request; never use one for two. Bad credentials are no error here but where a field needs good
   * ones.
   *
   * @param client.signal Raised when the client has left: what waits for it stops. Default: it stays.
   */
  createContext(caller?: Caller, client?: { signal?: AbortSignal }): Promise<RequestContext>;
  /** Answers `GET` and `HEAD` of any path that ends with `/images/<hash>`, also with faults; it never rejects. */
  handleImage(request: Request): Promise<Response>;
  /** Formats errors as Apollo Server calls it: masks, and logs, all that has no code of this product or of GraphQL. */
  formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError;
  readonly services: PluginServices;
  /** Stops everything in reverse order; the database stays open. Running jobs are finished or requeued. */
  close(): Promise<void>;
}
