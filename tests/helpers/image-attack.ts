/** @file Hostile image files, made from a seed: the same seed gives the same files. */
import { crc32, deflateSync, gzipSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { Random, seedFrom } from "../../src/ml/nn/random.js";
import { hostileSvg } from "./svg-attack.js";

export interface HostileImage {
  /** For messages. */
  name: string;
  bytes: Buffer;
}

const formats = ["png", "jpeg", "webp", "gif", "avif"] as const;
type Format = (typeof formats)[number];

/** Makes hostile images, one for each number from 0. */
export class ImageAttackGenerator {
  /** Large images take long to make: each is made once. */
  private readonly made = new Map<string, Promise<Buffer>>();

  constructor(private readonly seed: number) {}

  async image(index: number): Promise<HostileImage> {
    const random = new Random(seedFrom("image-attack", this.seed, index));
    const kinds = [
      "cut",
      "flipped",
      "spliced",
      "claim",
      "large",
      "frames",
      "profile",
      "chunks",
      "orientation",
      "otherType",
      "svg",
      "svg",
    ] as const;
    const kind = kinds[random.int(kinds.length)];
    return { name: `${kind} ${index}`, bytes: await this[kind](random) };
  }

  /** A file that ends too early, or has more behind its end. */
  private async cut(random: Random): Promise<Buffer> {
    const whole = await valid(pick(formats, random), random);
    const end = random.int(whole.length + 1);
    return random.uniform() < 0.8
      ? whole.subarray(0, end)
      : Buffer.concat([whole, whole.subarray(end)]);
  }

  private async flipped(random: Random): Promise<Buffer> {
    const bytes = Buffer.from(await valid(pick(formats, random), random));
    const near = random.uniform() < 0.5 ? Math.min(64, bytes.length) : bytes.length; // headers, or all
    for (let n = 1 + random.int(30); n > 0; n--) {
      bytes[random.int(near)] = random.int(256);
    }
    return bytes;
  }

  /** The beginning of one format and the rest of another. */
  private async spliced(random: Random): Promise<Buffer> {
    const head = await valid(pick(formats, random), random);
    const tail = await valid(pick(formats, random), random);
    const at = pick([2, 4, 8, 12, 16, 32, 100], random);
    return Buffer.concat([head.subarray(0, at), tail.subarray(at)]);
  }

  /** A small file whose header claims another size. */
  private async claim(random: Random): Promise<Buffer> {
    const sides = [0, 1, 6_000, 16_384, 32_767, 65_535, 2 ** 24 - 1, 2 ** 31 - 1, 2 ** 32 - 1];
    const [width, height] = [pick(sides, random), pick(sides, random)];
    const format = pick(formats, random);
    const bytes = Buffer.from(await valid(format, random));
    switch (format) {
      case "png":
        return pngFile(width, height, [["IDAT", deflateSync(Buffer.alloc(random.int(5_000)))]]);
      case "gif":
        bytes.writeUInt16LE(width & 0xffff, 6);
        bytes.writeUInt16LE(height & 0xffff, 8);
        return bytes;
      case "jpeg": {
        const frame = bytes.findIndex(
          (byte, at) => byte === 0xff && [0xc0, 0xc2].includes(bytes[at + 1]),
        );
        bytes.writeUInt16BE(height & 0xffff, frame + 5);
        bytes.writeUInt16BE(width & 0xffff, frame + 7);
        return bytes;
      }
      case "webp": {
        const frame = bytes.indexOf("VP8 ");
        if (frame !== -1) {
          bytes.writeUInt16LE(width & 0x3fff, frame + 14);
          bytes.writeUInt16LE(height & 0x3fff, frame + 16);
        }
        return bytes;
      }
      case "avif": {
        const size = bytes.indexOf("ispe");
        bytes.writeUInt32BE(width, size + 8);
        bytes.writeUInt32BE(height, size + 12);
        return bytes;
      }
    }
  }

  /** Few bytes and many pixels: at the limit of 40 million, or above it. */
  private async large(random: Random): Promise<Buffer> {
    const [width, height] = pick<[number, number]>(
      [
        [6_300, 6_300],
        [8_000, 8_000],
        [40_000, 1_000],
        [16_000, 2_500],
        [1, 65_000],
      ],
      random,
    );
    const format = pick(["png", "interlaced", "deep", "jpeg", "progressive", "webp"], random);
    const sides =
      format === "webp" ? [Math.min(width, 16_000), Math.min(height, 2_500)] : [width, height];
    const name = `${format} ${sides.join("x")}`;
    const made = this.made.get(name) ?? largeImage(format, sides[0], sides[1]);
    this.made.set(name, made);
    return made;
  }

  /** Animations: one image is wanted. */
  private async frames(random: Random): Promise<Buffer> {
    const [side, count] = [8 + random.int(40), 2 + random.int(200)];
    const format = pick(["gif", "webp"] as const, random);
    const raw = { width: side, height: side * count, channels: 3, pageHeight: side } as const;
    return sharp(noise(side * side * count * 3, random), { raw })
      .toFormat(format, { loop: 0 })
      .toBuffer();
  }

  /** Colour spaces and depths other than 8-bit sRGB, and profiles that are none. */
  private async profile(random: Random): Promise<Buffer> {
    const image = noisy(8 + random.int(60), random);
    switch (random.int(5)) {
      case 0:
        return image.toColourspace("cmyk").jpeg().toBuffer();
      case 1:
        return image
          .toColourspace("rgb16")
          .png({ progressive: random.uniform() < 0.5 })
          .toBuffer();
      case 2:
        return image.toColourspace("b-w").toFormat(pick(formats, random)).toBuffer();
      case 3:
        return image
          .withIccProfile("p3")
          .toFormat(pick(["jpeg", "png", "webp"], random))
          .toBuffer();
      default: {
        const profile = Buffer.concat([
          Buffer.from("x\0\0"),
          deflateSync(noise(random.int(3_000), random)),
        ]);
        return withChunks(await image.png().toBuffer(), [["iCCP", profile]]);
      }
    }
  }

  /** PNG chunks that unpack to much, are wrong, or come where they may not. */
  private async chunks(random: Random): Promise<Buffer> {
    const png = await noisy(8 + random.int(40), random)
      .png()
      .toBuffer();
    const zeros = deflateSync(Buffer.alloc(20_000_000));
    const extra = pick<[string, Buffer]>(
      [
        ["zTXt", Buffer.concat([Buffer.from("Comment\0\0"), zeros])],
        ["iTXt", Buffer.concat([Buffer.from("Comment\0\x01\0\0\0"), zeros])],
        ["iCCP", Buffer.concat([Buffer.from("icc\0\0"), zeros])],
        ["tEXt", noise(5_000, random)],
        ["PLTE", noise(7, random)],
        ["tRNS", noise(1_000, random)],
        ["acTL", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
        ["IHDR", noise(13, random)],
        ["IEND", Buffer.alloc(0)],
        ["eXIf", noise(300, random)],
      ],
      random,
    );
    const bytes = withChunks(png, Array<[string, Buffer]>(1 + random.int(3)).fill(extra));
    if (random.uniform() < 0.3) {
      bytes[bytes.length - 20] ^= 0xff; // a wrong checksum
    }
    return bytes;
  }

  /** EXIF that turns the image, or is none. */
  private async orientation(random: Random): Promise<Buffer> {
    const jpeg = await noisy(8 + random.int(40), random)
      .withExif({ IFD0: { Orientation: String(pick([0, 1, 3, 6, 8, 9, 255, 65_535], random)) } })
      .jpeg()
      .toBuffer();
    const exif = jpeg.indexOf("Exif");
    if (exif !== -1 && random.uniform() < 0.6) {
      for (let n = 1 + random.int(20); n > 0; n--) {
        jpeg[exif + 6 + random.int(40)] = random.int(256);
      }
    }
    return jpeg;
  }

  /** Files of other types, and of none. */
  private async otherType(random: Random): Promise<Buffer> {
    const image = noisy(16, random);
    const starts = [
      "%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
      "BM\x36\x00\x00\x00",
      "8BPS\0\x01",
      "\0\0\0\x18ftypheic\0\0\0\0mif1heic",
      "\0\0\0\x0cjP  \r\n\x87\n",
      "\x76\x2f\x31\x01",
      "PK\x03\x04",
      "<!doctype html><script>alert(1)</script>",
      "#!/bin/sh\n",
      "id=ImageMagick",
      "push graphic-context\nimage over 0,0 0,0 'https://example.com/x.png'\n",
      "P6 100000 100000 255\n",
      "",
    ];
    switch (random.int(4)) {
      case 0:
        return image.tiff({ tile: random.uniform() < 0.5 }).toBuffer();
      case 1:
        return gzipSync(await image.png().toBuffer());
      case 2:
        return noise(random.int(3_000), random);
      default:
        return Buffer.concat([
          Buffer.from(pick(starts, random), "latin1"),
          noise(random.int(200), random),
        ]);
    }
  }

  private async svg(random: Random): Promise<Buffer> {
    return hostileSvg(random);
  }
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random.int(values.length)];
}

function noise(length: number, random: Random): Buffer {
  return Buffer.from(Uint8Array.from({ length }, () => random.int(256)));
}

function noisy(side: number, random: Random): Sharp {
  return sharp(noise(side * side * 3, random), { raw: { width: side, height: side, channels: 3 } });
}

function valid(format: Format, random: Random): Promise<Buffer> {
  const progressive = random.uniform() < 0.5;
  const options = format === "png" || format === "jpeg" ? { progressive } : {};
  return noisy(8 + random.int(60), random)
    .toFormat(format, options)
    .toBuffer();
}

function largeImage(format: string, width: number, height: number): Promise<Buffer> {
  const image = sharp({
    create: { width, height, channels: 3, background: "red" },
    limitInputPixels: false,
  });
  switch (format) {
    case "interlaced":
      return image.png({ progressive: true, compressionLevel: 9 }).toBuffer();
    case "deep":
      return image.toColourspace("rgb16").png().toBuffer();
    case "progressive":
      return image.jpeg({ progressive: true }).toBuffer();
    case "jpeg":
      return image.jpeg().toBuffer();
    case "webp":
      return image.webp({ effort: 0 }).toBuffer();
    default:
      return image.png().toBuffer();
  }
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function pngChunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), body]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

function pngFile(width: number, height: number, chunks: readonly [string, Buffer][]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const all: [string, Buffer][] = [["IHDR", header], ...chunks, ["IEND", Buffer.alloc(0)]];
  return Buffer.concat([SIGNATURE, ...all.map(([type, body]) => pngChunk(type, body))]);
}

/** With further chunks behind the header. */
function withChunks(png: Buffer, chunks: readonly [string, Buffer][]): Buffer {
  const headerEnd = SIGNATURE.length + 25;
  const more = chunks.map(([type, body]) => pngChunk(type, body));
  return Buffer.concat([png.subarray(0, headerEnd), ...more, png.subarray(headerEnd)]);
}
