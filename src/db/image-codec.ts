/**
 * @file Decodes and encodes image files (sharp): uploads, model inputs and served images.
 *
 * An upload is identified by its content, not its name, and decoded completely. It is stored as upright sRGB without
 * metadata, in its own format; an SVG becomes a PNG. A generated image says so in its XMP, in every served size and
 * format.
 *
 * If only metadata must go, the pixels stay bit-identical (`image-structure.ts`). If colours or orientation change, PNG
 * and lossless WebP are encoded losslessly, the others at {@link KEPT_QUALITY}.
 */
import sharp, { type FitEnum, type Metadata, type Sharp } from "sharp";
import { AppError } from "../errors/app-error.js";
import { type StructuredFormat, withoutExtras } from "./image-structure.js";
import { checkedSvg } from "./svg-check.js";
import { drawSvg } from "./svg-renderer.js";

// One thread per image: images are many and small, and are processed in parallel.
sharp.concurrency(1);
sharp.cache(false);

/** An 8-bit sRGB image without alpha; `pixels` is `[heightPixels, widthPixels, 3]`, row by row (as in `ml/nn`). */
export interface RgbImage {
  widthPixels: number;
  heightPixels: number;
  pixels: Uint8Array;
}

export interface ImageLimits {
  /** Size of the file; default 20 MiB. */
  maxBytes: number;
  /** Width times height; default 40 million. */
  maxPixels: number;
  /** Pages or frames; default 1. */
  maxPages: number;
}

export const defaultImageLimits: ImageLimits = {
  maxBytes: 20 * 2 ** 20,
  maxPixels: 40_000_000,
  maxPages: 1,
};

/** An image ready to be stored: complete, upright, sRGB, without metadata. */
export interface InspectedImage {
  bytes: Buffer;
  mediaType: string;
  widthPixels: number;
  heightPixels: number;
}

export type ServedFormat = "avif" | "jpeg" | "png" | "webp";

type StoredFormat = "avif" | StructuredFormat;

/** libvips's name of a format -> its stored format. */
const STORED_AS: Record<string, StoredFormat | undefined> = {
  avif: "avif",
  gif: "gif",
  heif: "avif",
  jpeg: "jpeg",
  png: "png",
  webp: "webp",
};

/** Quality of lossy formats at which encoding again leaves no visible trace. */
const KEPT_QUALITY = 92;
/** Decoding takes memory by the width, however few rows there are. Also JPEG's own limit. */
const MAX_UPLOAD_SIDE = 65_535;
/** Larger images are not kept decoded in memory for the check. */
const HELD_PIXELS = 1_000_000;
/** Decoding and encoding one image; 40 megapixels of AVIF take a few. */
const MAX_SECONDS = 60;
/** Maximum side of the formats in pixels; AVIF as libvips writes it. */
const MAX_SIDE: Record<ServedFormat, number> = {
  avif: 16_384,
  jpeg: 65_535,
  png: Infinity,
  webp: 16_383,
};

/**
 * Validates an uploaded image and prepares it for storage.
 *
 * @throws AppError `IMAGE_TYPE`, `IMAGE_TOO_LARGE`, `IMAGE_UNREADABLE`
 */
export async function inspectImage(
  bytes: Uint8Array,
  limits: ImageLimits = defaultImageLimits,
): Promise<InspectedImage> {
  atMost(bytes.byteLength, "bytes", limits.maxBytes);
  if (isText(bytes)) {
    const { png, ...size } = await drawSvg(checkedSvg(bytes), limits.maxPixels);
    return { bytes: png, mediaType: "image/png", ...size };
  }
  const metadata = await readHeader(bytes);
  const { format, width, height, pages = 1 } = metadata;
  const storedAs = format === "heif" && metadata.compression !== "av1" ? null : STORED_AS[format];
  if (!storedAs) {
    throw new AppError("IMAGE_TYPE", { got: format });
  }
  atMost(pages, "pages", limits.maxPages);
  atMost(Math.max(width, height), "pixels on a side", MAX_UPLOAD_SIDE);
  atMost(width * height * pages, "pixels", limits.maxPixels);
  const kept = storedAs === "avif" ? null : await stripMetadata(storedAs, bytes, metadata, limits);
  return kept ?? (await encodeAgain(storedAs, bytes, { pages, ...limits }));
}

/** The image without metadata and with the same pixels; null where it must be encoded again. */
async function stripMetadata(
  format: StructuredFormat,
  bytes: Uint8Array,
  { height, icc, orientation = 1, pages = 1, space, width }: Metadata,
  { maxPixels }: ImageLimits,
): Promise<InspectedImage | null> {
  if (icc || orientation !== 1 || !["srgb", "b-w"].includes(space)) {
    return null;
  }
  const bare = await withoutExtras(format, bytes);
  if (!bare) {
    return null;
  }
  try {
    // A warning can mean bytes that no decoder uses.
    const image = openImage(bare, { maxPixels, failOn: "warning", animated: pages > 1 });
    await decodeWhole(image, { width, height, pages });
  } catch {
    return null;
  }
  return {
    bytes: bare,
    mediaType: `image/${format}`,
    widthPixels: width,
    heightPixels: height,
  };
}

async function encodeAgain(
  format: StoredFormat,
  bytes: Uint8Array,
  { maxPixels, pages }: { maxPixels: number; pages: number },
): Promise<InspectedImage> {
  const opened = openImage(bytes, { maxPixels, animated: pages > 1 });
  const upright = pages > 1 ? opened : opened.autoOrient(); // an animation cannot be rotated
  const image = upright.toColourspace("srgb");
  try {
    const { data, info } = await encoded(image, format, bytes).toBuffer({
      resolveWithObject: true,
    });
    return {
      bytes: data,
      mediaType: `image/${format}`,
      widthPixels: info.width,
      heightPixels: info.pageHeight ?? info.height,
    };
  } catch (error) {
    throw unreadable(error);
  }
}

function encoded(image: Sharp, format: StoredFormat, source: Uint8Array): Sharp {
  switch (format) {
    case "avif":
    case "jpeg":
      return image.toFormat(format, { quality: KEPT_QUALITY, chromaSubsampling: "4:4:4" });
    case "gif":
      return image.gif();
    case "png":
      return image.png(); // a quality would reduce it to 256 colours
    case "webp": {
      const lossless = Buffer.from(source).includes("VP8L");
      return image.webp(lossless ? { lossless } : { quality: KEPT_QUALITY });
    }
  }
}

/**
 * The image on white, at the given size or its own. `fit` "contain" (default) keeps all of it and pads with white.
 *
 * @throws AppError `IMAGE_UNREADABLE`
 */
export async function decodeRgb(
  bytes: Uint8Array,
  size: { widthPixels?: number; heightPixels?: number; fit?: keyof FitEnum } = {},
): Promise<RgbImage> {
  const { widthPixels, heightPixels, fit = "contain" } = size;
  let image = openImage(bytes).autoOrient().flatten({ background: "white" });
  if (widthPixels !== undefined || heightPixels !== undefined) {
    image = image.resize(widthPixels, heightPixels, { fit, background: "white" });
  }
  try {
    const { data, info } = await image
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { widthPixels: info.width, heightPixels: info.height, pixels: new Uint8Array(data) };
  } catch (error) {
    throw unreadable(error);
  }
}

/**
 * The upright image on white at its own size, or smaller, so that its longest side has at most `longestSide` pixels; and its
 * transparency, 0..255 (`[heightPixels, widthPixels]`), null where every pixel is opaque.
 *
 * @throws AppError `IMAGE_UNREADABLE`
 */
export async function decodeWithAlpha(
  bytes: Uint8Array,
  longestSide: number,
): Promise<{ image: RgbImage; alpha: Uint8Array | null }> {
  const box = { width: longestSide, height: longestSide };
  const fitted = openImage(bytes)
    .autoOrient()
    .resize({ ...box, fit: "inside", withoutEnlargement: true });
  try {
    const { data, info } = await fitted
      .toColourspace("srgb")
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { height: heightPixels, width: widthPixels } = info;
    const alpha = new Uint8Array(widthPixels * heightPixels);
    const pixels = new Uint8Array(3 * alpha.length);
    for (let at = 0; at < alpha.length; at++) {
      const own = data[4 * at + 3];
      alpha[at] = own;
      for (let c = 0; c < 3; c++) {
        pixels[3 * at + c] = Math.round((data[4 * at + c] * own + 255 * (255 - own)) / 255);
      }
    }
    const isOpaque = alpha.every(own => own === 255);
    return { image: { widthPixels, heightPixels, pixels }, alpha: isOpaque ? null : alpha };
  } catch (error) {
    throw unreadable(error);
  }
}

export function encodePng(image: RgbImage): Promise<Buffer> {
  return fromRgb(image).png().toBuffer();
}

/** Encodes 8-bit pixels of 3 (RGB) or 4 (RGBA) channels, row by row; transparent ones keep their colours. */
export function encodeRaster({
  channels,
  heightPixels,
  pixels,
  widthPixels,
}: RgbImage & { channels: 3 | 4 }): Promise<Buffer> {
  return sharp(pixels, { raw: { width: widthPixels, height: heightPixels, channels } })
    .png()
    .toBuffer();
}

/**
 * IPTC's terms for "created by a trained model", and for a photograph of which only a part is;
 * https://cv.iptc.org/newscodes/digitalsourcetype/
 */
export type DigitalSourceType = "trainedAlgorithmicMedia" | "compositeWithTrainedAlgorithmicMedia";

/** The term's URL. */
export const digitalSourceUrl = (type: DigitalSourceType) =>
  `http://cv.iptc.org/newscodes/digitalsourcetype/${type}`;

/** Encodes a generated image whose XMP names IPTC's digital source type and the model. */
export function encodeGeneratedPng(
  image: RgbImage,
  generator: string,
  sourceType: DigitalSourceType = "trainedAlgorithmicMedia",
): Promise<Buffer> {
  const tool = `Vitrine ${generator}`.replace(/[^\p{L}\p{N} .@_/-]/gu, ""); // no XML syntax
  return fromRgb(image)
    .png()
    .withXmp(
      `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="${tool}"
   Iptc4xmpExt:DigitalSourceType="${digitalSourceUrl(sourceType)}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`,
    )
    .toBuffer();
}

interface ServedSize {
  /** Pixels at most. Default: as it is. */
  width?: number;
  format: ServedFormat;
  /** Without the note that it is generated. Default: with it. */
  isBare?: boolean;
}

/**
 * A stored image for serving: at most `width` pixels wide and within the format's limits, never enlarged.
 *
 * @throws AppError `IMAGE_UNREADABLE`
 */
export async function resizeForServing(
  bytes: Uint8Array,
  { format, isBare = false, width = Infinity }: ServedSize,
): Promise<Buffer> {
  const max = MAX_SIDE[format];
  let image = openImage(bytes)
    .autoOrient()
    .resize({
      width: finite(Math.min(width, max)),
      height: finite(max),
      fit: "inside",
      withoutEnlargement: true,
    });
  if (format === "jpeg") {
    image = image.flatten({ background: "white" }); // JPEG has no alpha
  }
  const encoded = image.toFormat(format);
  return (isBare ? encoded : encoded.keepXmp()) // only generated images have any
    .toBuffer()
    .catch((error: unknown) => {
      throw unreadable(error);
    });
}

function finite(side: number): number | undefined {
  return Number.isFinite(side) ? side : undefined;
}

/** Reads the header only, so a file that claims to be enormous costs nothing. */
async function readHeader(bytes: Uint8Array): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels: false, failOn: "error" }).metadata();
  } catch (error) {
    if (String(error).includes("unsupported image format")) {
      throw new AppError("IMAGE_TYPE", { got: "of no known type" }, { cause: error });
    }
    throw unreadable(error);
  }
}

function openImage(
  bytes: Uint8Array,
  {
    maxPixels = defaultImageLimits.maxPixels,
    ...options
  }: { maxPixels?: number; failOn?: "error" | "warning"; animated?: boolean } = {},
): Sharp {
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: "error", ...options }).timeout({
    seconds: MAX_SECONDS,
  });
}

function fromRgb({ pixels, widthPixels, heightPixels }: RgbImage): Sharp {
  return sharp(pixels, { raw: { width: widthPixels, height: heightPixels, channels: 3 } });
}

/**
 * Whether a file is text, or gzip, which librsvg unpacks: then only SVG is possible. All other formats start with a
 * non-text byte or contain a null.
 */
function isText(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 1_024));
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  const isUtf16 = ["fffe", "feff"].includes(head.toString("hex", 0, 2));
  return isGzip || isUtf16 || /^\s*</.test(head.toString("utf8").replaceAll(/[\0\ufeff]/g, ""));
}

/**
 * Decodes every row. A large image is shrunk while decoding, to hold few rows; extracting the whole first keeps libvips
 * from decoding only a thumbnail.
 */
async function decodeWhole(
  image: Sharp,
  { height, pages, width }: { height: number; pages: number; width: number },
): Promise<void> {
  const isLarge = pages === 1 && width * height > HELD_PIXELS;
  const decoded = isLarge
    ? image.extract({ left: 0, top: 0, width, height }).resize(1, 1, { fit: "fill" })
    : image;
  await decoded.raw().toBuffer();
}

function atMost(got: number, unit: string, max: number): void {
  if (got > max) {
    throw new AppError("IMAGE_TOO_LARGE", { got, unit, max });
  }
}

function unreadable(error: unknown): AppError {
  const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
  return new AppError("IMAGE_UNREADABLE", { reason }, { cause: error });
}
