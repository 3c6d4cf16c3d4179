/** @file The drawing styles of the stickers: their caption words and their attributions. */

export interface StickerStyle {
  /** Follows "in" in a caption; the words in `models/mini/styles.json`, with which the base models were trained. */
  words: string;
  /** npm package of the images. */
  packageName: string;
  attribution: string;
}

/** The styles of the sticker shop, and two more for training the base models. */
export const stickerStyles = {
  "fluent-3d": {
    words: "glossy 3d style",
    packageName: "@lobehub/fluent-emoji-3d",
    attribution:
      "Fluent Emoji 3D by Microsoft Corporation, MIT (github.com/microsoft/fluentui-emoji)",
  },
  "fluent-flat": {
    words: "flat vector style",
    packageName: "@iconify-json/fluent-emoji-flat",
    attribution:
      "Fluent Emoji Flat by Microsoft Corporation, MIT (github.com/microsoft/fluentui-emoji)",
  },
  noto: {
    words: "noto style with soft gradients",
    packageName: "@iconify-json/noto",
    attribution: "Noto Emoji by Google Inc, Apache-2.0 (github.com/googlefonts/noto-emoji)",
  },
  twemoji: {
    words: "twemoji style with bold simple shapes",
    packageName: "@iconify-json/twemoji",
    attribution: "Twemoji by Twitter and contributors, CC BY 4.0 (github.com/jdecked/twemoji)",
  },
  emojione: {
    words: "emojione cartoon style",
    packageName: "@iconify-json/emojione",
    attribution: "EmojiOne 2.3 by Emoji One, CC BY 4.0 (github.com/EmojiTwo/emojitwo)",
  },
  fxemoji: {
    words: "fxemoji icon style",
    packageName: "@iconify-json/fxemoji",
    attribution: "FxEmojis by Mozilla, Apache-2.0 (github.com/mozilla/fxemoji)",
  },
} as const satisfies Record<string, StickerStyle>;

export type StyleName = keyof typeof stickerStyles;

/** Every concept of the shop exists in all of these. */
export const shopStyles = [
  "fluent-3d",
  "fluent-flat",
  "noto",
  "twemoji",
] as const satisfies readonly StyleName[];

export const allStyles = Object.keys(stickerStyles) as StyleName[];
