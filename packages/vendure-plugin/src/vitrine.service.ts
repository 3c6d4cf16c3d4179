/** @file The connection to Vitrine: patient for jobs, impatient for pages. */
import { Inject, Injectable, type OnModuleDestroy } from "@nestjs/common";
import { Logger } from "@vendure/core";
import {
  type PersonalizedResult,
  type Recommendations,
  VitrineClient,
  VitrineError,
} from "@vitrine/client";
import { type Settings, VITRINE_SETTINGS } from "./options";

export const loggerContext = "VitrinePlugin";

/** A job may wait for a batch of images. */
const JOB_TIMEOUT_MS = 120_000;
/** Codes of products that Vitrine does not know or cannot show yet: the connection is fine. */
const ownCodes = ["ITEM_NOT_FOUND", "NO_RESULT", "INVALID_ARGUMENT"];

@Injectable()
export class VitrineService implements OnModuleDestroy {
  /** For jobs: failures are errors. */
  readonly jobs: VitrineClient;
  private readonly pages: VitrineClient;
  private pausedUntil = 0;

  constructor(@Inject(VITRINE_SETTINGS) private readonly settings: Settings) {
    const { apiKey: credentials, pageWaitMs, url } = settings;
    this.jobs = new VitrineClient({ url, credentials, timeoutMs: JOB_TIMEOUT_MS });
    // Nothing is kept: what the shopper does next is sent by another process, and Vitrine keeps the images.
    const now = { timeoutMs: pageWaitMs, retries: 0, cache: false } as const;
    this.pages = new VitrineClient({ url, credentials, ...now });
  }

  /** Address of Vitrine's admin pages. */
  get adminUrl(): string {
    return new URL("admin", this.settings.url).href;
  }

  onModuleDestroy(): void {
    this.jobs.close();
    this.pages.close();
  }

  /** The item's image for the shopper; null if there is none in time: the page shows the shop's own. Never fails. */
  personalizedImage(userId: string, itemId: string): Promise<PersonalizedResult | null> {
    const { pageWaitMs: patienceMs } = this.settings;
    return this.asked(() => this.pages.personalizeImage(userId, itemId, { patienceMs }));
  }

  /** A page of recommendations; null if there is none in time. Never fails. */
  recommendations(userId: string, first: number): Promise<Recommendations | null> {
    return this.asked(() =>
      this.pages.recommendations(userId, {
        first,
        signal: AbortSignal.timeout(this.settings.pageWaitMs),
      }),
    );
  }

  private async asked<Answer>(ask: () => Promise<Answer>): Promise<Answer | null> {
    if (Date.now() < this.pausedUntil) {
      return null;
    }
    try {
      return await ask();
    } catch (error) {
      this.pauseAfter(error);
      return null;
    }
  }

  /** A server that is away, refuses the key or is full is not asked by the next pages. An image that takes long is normal. */
  private pauseAfter(error: unknown): void {
    const isSlow = error instanceof VitrineError && error.code === "TIMEOUT";
    const isOwn = error instanceof VitrineError && ownCodes.includes(error.code);
    if (isSlow || isOwn || Date.now() < this.pausedUntil) {
      return;
    }
    this.pausedUntil = Date.now() + this.settings.pauseMs;
    const reason = error instanceof Error ? error.message : String(error);
    Logger.warn(
      `Vitrine failed: ${reason}. Pages show the shop's own images for ${this.settings.pauseMs} ms.`,
      loggerContext,
    );
  }
}
