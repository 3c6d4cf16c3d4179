/** @file The plugin's settings. */

export interface VitrinePluginOptions {
  /** Address of Vitrine's API, such as `https://vitrine.shop.example/graphql`. */
  url: string;
  /** An API key of the role ADMIN; products are written and shoppers erased with it. */
  apiKey: string;
  /** How long a page of the shop waits for Vitrine at most, milliseconds. Default: 1,000. */
  pageWaitMs?: number;
  /** How long pages do not ask Vitrine after it failed, milliseconds. Default: 10,000. */
  pauseMs?: number;
  /** How often a job of the queue is tried again. Default: 20. */
  retries?: number;
  /** Products in a job of the full synchronisation. Default: 50. */
  batchSize?: number;
  /** Whether the catalogue is sent when the server starts and Vitrine lacks the last product. Default: true. */
  syncOnStart?: boolean;
}

export type Settings = Required<VitrinePluginOptions>;

export const VITRINE_SETTINGS = Symbol("VITRINE_SETTINGS");

/** The settings with their defaults. @throws Error that names every fault */
export function settingsOf(options: VitrinePluginOptions): Settings {
  const settings: Settings = {
    url: options.url,
    apiKey: options.apiKey,
    pageWaitMs: options.pageWaitMs ?? 1_000,
    pauseMs: options.pauseMs ?? 10_000,
    retries: options.retries ?? 20,
    batchSize: options.batchSize ?? 50,
    syncOnStart: options.syncOnStart ?? true,
  };
  const faults: string[] = [];
  if (!/^https?:/.test(settings.url) || !URL.canParse(settings.url)) {
    faults.push(`'url' must be an http or https address, but got '${settings.url}'`);
  }
  if (!settings.apiKey) {
    faults.push("'apiKey' must not be empty");
  }
  const numbers = { pageWaitMs: 1, pauseMs: 0, retries: 0, batchSize: 1 } as const;
  for (const [name, min] of Object.entries(numbers) as [keyof typeof numbers, number][]) {
    if (!Number.isInteger(settings[name]) || settings[name] < min) {
      faults.push(`'${name}' must be a whole number from ${min}, but got ${settings[name]}`);
    }
  }
  if (faults.length > 0) {
    throw new Error(`VitrinePlugin: ${faults.join("; ")}`);
  }
  return Object.freeze(settings);
}
