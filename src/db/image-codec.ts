/**
 * @file Picture files in and out (sharp): what may enter, what the models see, what is served.
 *
 * A picture that enters is judged by its content, never by its name, and decoded to its last row. It leaves as sRGB,
 * upright and without metadata (place, camera, author), as the type it came in; an SVG becomes a PNG. A picture that a
 * model made says so in its XMP, in every size and format it is served in.
 */
import sharp, { type FitEnum, type Metadata, type Sharp } from "sharp";
import { AppError } from "../errors/app-error.js";

// One picture, one thread: pictures are many and small, and the calls of different pictures run side by side.
sharp.concurrency(1);
sharp.cache(false);

/** An 8-bit sRGB picture without alpha; `pixels` is `[heightPixels, widthPixels, 3]`, row by row (as in `ml/nn`). */
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

/** A picture fit to be stored: whole, upright, sRGB, without metadata. */
export interface InspectedImage {
  bytes: Buffer;
  mediaType: string;
  widthPixels: number;
  heightPixels: number;
}

export type ServedFormat = "avif" | "jpeg" | "png" | "webp";

/** libvips's name of a format -> how it is stored. */
const STORED_AS: Record<string, "avif" | "gif" | "jpeg" | "png" | "webp" | undefined> = {
  avif: "avif",
  gif: "gif",
  heif: "avif",
  jpeg: "jpeg",
  png: "png",
  svg: "png",
  webp: "webp",
};

/** A drawing has no size of its own: its longer side gets this many pixels unless it asks for more. */
const SVG_SIDE_PIXELS = 512;
/** Dots per inch at which one SVG unit is one pixel. */
const SVG_DENSITY = 72;
/** Stored again only when something must be taken out, at a quality that leaves no visible trace. */
const KEPT_QUALITY = 92;
/** A picture with more is not held decoded in memory just to be checked. */
const HELD_PIXELS = 1_000_000;

/**
 * Checks a picture from outside and makes it fit to be stored.
 *
 * @throws AppError `IMAGE_TYPE`, `IMAGE_TOO_LARGE`, `IMAGE_UNREADABLE`
 */
export async function inspectImage(
  bytes: Uint8Array,
  limits: ImageLimits = defaultImageLimits,
): Promise<InspectedImage> {
  atMost(bytes.byteLength, "bytes", limits.maxBytes);
  const metadata = await readHeader(bytes);
  const { format, width, height, pages = 1 } = metadata;
  const storedAs = format === "heif" && metadata.compression !== "av1" ? null : STORED_AS[format];
  if (!storedAs) {
    throw new AppError("IMAGE_TYPE", { got: format });
  }
  atMost(pages, "pages", limits.maxPages);
  atMost(width * height, "pixels", limits.maxPixels);

  let picture = openImage(bytes, limits.maxPixels);
  if (format === "svg") {
    refuseEntities(bytes);
    const scale = Math.max(1, SVG_SIDE_PIXELS / Math.max(width, height));
    picture = openImage(bytes, limits.maxPixels, SVG_DENSITY * scale);
  }
  try {
    if (storedAs === format && isClean(metadata)) {
      await decodeWhole(picture, width, height);
      return {
        bytes: Buffer.from(bytes),
        mediaType: `image/${storedAs}`,
        widthPixels: width,
        heightPixels: height,
      };
    }
    const stored = await picture
      .autoOrient()
      .toColourspace("srgb")
      .toFormat(storedAs, { quality: KEPT_QUALITY })
      .toBuffer({ resolveWithObject: true });
    return {
      bytes: stored.data,
      mediaType: `image/${storedAs}`,
      widthPixels: stored.info.width,
      heightPixels: stored.info.height,
    };
  } catch (error) {
    throw unreadable(error);
  }
}

/**
 * The picture on white, at the given size or its own. `fit` "contain" (default) keeps all of it and fills up with white.
 *
 * @throws AppError `IMAGE_UNREADABLE`
 */
export async function decodeRgb(
  bytes: Uint8Array,
  size: { widthPixels?: number; heightPixels?: number; fit?: keyof FitEnum } = {},
): Promise<RgbImage> {
  const { widthPixels, heightPixels, fit = "contain" } = size;
  let picture = openImage(bytes, defaultImageLimits.maxPixels)
    .autoOrient()
    .flatten({ background: "white" });
  if (widthPixels !== undefined || heightPixels !== undefined) {
    picture = picture.resize(widthPixels, heightPixels, { fit, background: "white" });
  }
  try {
    const { data, info } = await picture
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { widthPixels: info.width, heightPixels: info.height, pixels: new Uint8Array(data) };
  } catch (error) {
    throw unreadable(error);
  }
}

export function encodePng(image: RgbImage): Promise<Buffer> {
  return fromRgb(image).png().toBuffer();
}

/** Where IPTC says what "made by a trained model" is; https://cv.iptc.org/newscodes/digitalsourcetype/ */
export const TRAINED_ALGORITHMIC_MEDIA =
  "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/** A picture that a model made, and that says so in its XMP: IPTC's digital source type, and which model. */
export function encodeGeneratedPng(image: RgbImage, generator: string): Promise<Buffer> {
  const tool = `Vitrine ${generator}`.replace(/[^\p{L}\p{N} .@_/-]/gu, ""); // nothing that XML would read
  return fromRgb(image)
    .png()
    .withXmp(
      `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="${tool}"
   Iptc4xmpExt:DigitalSourceType="${TRAINED_ALGORITHMIC_MEDIA}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`,
    )
    .toBuffer();
}

/**
 * A stored picture as it is sent: at most `width` pixels wide, never enlarged, in the asked format.
 *
 * @throws AppError `IMAGE_UNREADABLE`
 */
export async function resizeForServing(
  bytes: Uint8Array,
  { width, format }: { width?: number; format: ServedFormat },
): Promise<Buffer> {
  let picture = openImage(bytes, defaultImageLimits.maxPixels).autoOrient();
  if (width !== undefined) {
    picture = picture.resize({ width, withoutEnlargement: true });
  }
  if (format === "jpeg") {
    picture = picture.flatten({ background: "white" }); // JPEG has no alpha
  }
  return picture
    .toFormat(format)
    .keepXmp() // only pictures made here have any: that they were made by a model
    .toBuffer()
    .catch((error: unknown) => {
      throw unreadable(error);
    });
}

/** Only the header is read, so a file that claims to be enormous costs nothing. */
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

function openImage(bytes: Uint8Array, maxPixels: number, density?: number): Sharp {
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: "error", density });
}

function fromRgb({ pixels, widthPixels, heightPixels }: RgbImage): Sharp {
  return sharp(pixels, { raw: { width: widthPixels, height: heightPixels, channels: 3 } });
}

/** Nothing to take out: no place, camera, author, colour profile or rotation. */
function isClean({ exif, icc, iptc, xmp, space, orientation = 1 }: Metadata): boolean {
  return !exif && !icc && !iptc && !xmp && orientation === 1 && ["srgb", "b-w"].includes(space);
}

/**
 * Decodes every row. A large picture is reduced on the way, so that few rows are held; cutting out the whole first keeps
 * libvips from decoding a thumbnail only.
 */
async function decodeWhole(picture: Sharp, width: number, height: number): Promise<void> {
  const isLarge = width * height > HELD_PIXELS;
  const decoded = isLarge
    ? picture.extract({ left: 0, top: 0, width, height }).resize(1, 1, { fit: "fill" })
    : picture;
  await decoded.raw().toBuffer();
}

/**
 * Librsvg reads nothing outside the drawing, for it is given bytes without an address; entities, which can swell a small
 * file beyond measure, are refused before it sees them.
 */
function refuseEntities(bytes: Uint8Array): void {
  if (/<!ENTITY/i.test(Buffer.from(bytes).toString("latin1").replaceAll("\0", ""))) {
    throw new AppError("IMAGE_UNREADABLE", { reason: "an SVG may not declare entities" });
  }
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
