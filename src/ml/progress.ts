/** @file How long work reports itself and is stopped. */

export interface Progress {
  /** Part done, 0..1. */
  fraction: number;
  /** What is being done, for people. */
  stage: string;
}

export interface WorkHooks {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}
