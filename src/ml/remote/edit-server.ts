/** @file What a server that edits images is asked for, whatever protocol it speaks. */

export interface ImageEdit {
  /** PNG. */
  image: Uint8Array;
  /** PNG of the image's size: transparent and white where the image may change; null: all of it. */
  mask: Uint8Array | null;
  prompt: string;
  /** 0 … 2^31 - 1. */
  seed: number;
  widthPixels: number;
  heightPixels: number;
}

export interface EditServer {
  /** `protocol/model`: the name in the generator's version. */
  readonly name: string;
  /** All that changes its images, without the key. */
  readonly identity: readonly unknown[];
  /** The file of one edited image. @throws AppError `GENERATOR_FAILED`; the signal's reason when aborted. */
  edit(edit: ImageEdit, signal: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}
