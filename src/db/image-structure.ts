/**
 * @file Strips image files of everything but the image: text, comments, camera data, thumbnails, unknown blocks,
 * trailing bytes.
 *
 * Each format is read block by block, and only the blocks that a decoder needs are copied (an allow-list). The pixels
 * stay bit-identical. The result is null if the structure cannot be parsed: then the image must be encoded again.
 *
 * PNG: https://www.w3.org/TR/png-3/ · JPEG: ITU-T T.81, annex B · WebP:
 * https://developers.google.com/speed/webp/docs/riff_container · GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 */
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflate } from "node:zlib";

/** Formats parsed here; AVIF is always encoded again. */
export type StructuredFormat = "gif" | "jpeg" | "png" | "webp";

/** The file without metadata; null if its structure cannot be parsed. */
export async function withoutExtras(
  format: StructuredFormat,
  bytes: Uint8Array,
): Promise<Buffer | null> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    switch (format) {
      case "gif":
        return bareGif(file);
      case "jpeg":
        return bareJpeg(file);
      case "png":
        return await barePng(file);
      case "webp":
        return bareWebp(file);
    }
  } catch (error) {
    if (error instanceof RangeError) {
      return null; // a block exceeds the file
    }
    throw error;
  }
}

/** Bytes `start … end`. @throws RangeError if the file is shorter. */
function slice(file: Buffer, start: number, end: number): Buffer {
  if (end > file.length) {
    throw new RangeError(`expected ${end} bytes, got ${file.length}`);
  }
  return file.subarray(start, end);
}

const PNG_SIGNATURE_BYTES = 8;
/** Length, type and checksum. */
const PNG_CHUNK_EXTRA_BYTES = 12;
/** Chunk -> its length, or null where it varies. The last four define colours and pixel shape. */
const PNG_CHUNKS = new Map<string, number | null>([
  ["IHDR", 13],
  ["PLTE", null],
  ["tRNS", null],
  ["IDAT", null],
  ["IEND", 0],
  ["cHRM", 32],
  ["gAMA", 4],
  ["pHYs", 9],
  ["sRGB", 1],
]);

async function barePng(file: Buffer): Promise<Buffer | null> {
  const kept = [slice(file, 0, PNG_SIGNATURE_BYTES)];
  const pixels: Buffer[] = [];
  for (let at = PNG_SIGNATURE_BYTES; ;) {
    const length = file.readUInt32BE(at);
    const type = slice(file, at + 4, at + 8).toString("latin1");
    const chunk = slice(file, at, at + length + PNG_CHUNK_EXTRA_BYTES);
    const expected = PNG_CHUNKS.get(type);
    const isCritical = type.startsWith(type[0].toUpperCase());
    if (expected === undefined ? isCritical : expected !== null && length !== expected) {
      return null;
    }
    if (expected !== undefined) {
      kept.push(chunk);
    }
    if (type === "IDAT") {
      pixels.push(chunk.subarray(8, 8 + length));
    }
    if (type === "IEND") {
      return (await endsWithItsStream(pixels)) ? Buffer.concat(kept) : null;
    }
    at += chunk.length;
  }
}

/** Whether a zlib stream ends with its last part: decoders would ignore later bytes. */
async function endsWithItsStream(parts: readonly Buffer[]): Promise<boolean> {
  const inflate = createInflate();
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    const nothing = new Writable({
      write: (_chunk, _encoding, done) => {
        done(); // only the end matters
      },
    });
    await pipeline(Readable.from(parts), inflate, nothing);
  } catch {
    return false;
  }
  return inflate.bytesWritten === length;
}

const JPEG = { SOI: 0xd8, EOI: 0xd9, SOS: 0xda, APP0: 0xe0, APP14: 0xee, RST0: 0xd0, RST7: 0xd7 };
/** Tables, frames, scans, restart interval and number of lines; all arithmetic and Huffman processes. */
const JPEG_DECODING = new Set([
  ...Array.from({ length: 16 }, (_, n) => 0xc0 + n).filter(marker => marker !== 0xc8),
  0xda, // SOS
  0xdb, // DQT
  0xdc, // DNL
  0xdd, // DRI
]);
/** APPn, JPGn and COM. */
const isJpegExtra = (marker: number) => marker >= 0xe0 && marker <= 0xfe;

function bareJpeg(file: Buffer): Buffer | null {
  const kept = [slice(file, 0, 2)];
  for (let at = 2; ;) {
    if (file.readUInt8(at) !== 0xff) {
      return null;
    }
    while (file.readUInt8(at + 1) === 0xff) {
      at++; // fill bytes
    }
    const marker = file.readUInt8(at + 1);
    if (marker === JPEG.EOI) {
      return Buffer.concat([...kept, slice(file, at, at + 2)]);
    }
    if (!JPEG_DECODING.has(marker) && !isJpegExtra(marker)) {
      return null;
    }
    let end = at + 2 + file.readUInt16BE(at + 2);
    const segment = slice(file, at, end);
    if (marker === JPEG.SOS) {
      end = endOfScan(file, end);
      kept.push(slice(file, at, end));
    } else if (JPEG_DECODING.has(marker)) {
      kept.push(segment);
    } else {
      kept.push(...colourSegment(marker, segment));
    }
    at = end;
  }
}

/** The parts of application segments that define the colour coding: JFIF without its thumbnail, Adobe's transform. */
function colourSegment(marker: number, segment: Buffer): Buffer[] {
  const [jfifBytes, adobeBytes] = [18, 16];
  if (marker === JPEG.APP0 && segment.toString("latin1", 4, 9) === "JFIF\0") {
    const jfif = Buffer.from(slice(segment, 0, jfifBytes));
    jfif.writeUInt16BE(jfifBytes - 2, 2);
    jfif.writeUInt16BE(0, jfifBytes - 2); // a thumbnail of 0 x 0
    return [jfif];
  }
  if (marker === JPEG.APP14 && segment.toString("latin1", 4, 9) === "Adobe") {
    const adobe = Buffer.from(slice(segment, 0, adobeBytes));
    adobe.writeUInt16BE(adobeBytes - 2, 2);
    return [adobe];
  }
  return [];
}

/** Position of the next marker that is neither a restart nor a stuffed zero. */
function endOfScan(file: Buffer, start: number): number {
  for (let at = file.indexOf(0xff, start); at !== -1; at = file.indexOf(0xff, at + 1)) {
    const next = file.readUInt8(at + 1);
    const isData = next === 0 || next === 0xff || (next >= JPEG.RST0 && next <= JPEG.RST7);
    if (!isData) {
      return at;
    }
  }
  throw new RangeError("the scan has no end");
}

/** ICC, EXIF and XMP in the flags of a VP8X chunk. */
const WEBP_EXTRAS = 0x20 | 0x08 | 0x04;
const WEBP_FRAME_CHUNKS = new Set(["ALPH", "VP8 ", "VP8L"]);
const WEBP_CHUNKS = new Set(["VP8X", "ANIM", "ANMF", ...WEBP_FRAME_CHUNKS]);
/** Position, size, duration and blending of a frame. */
const ANMF_HEADER_BYTES = 16;
const RIFF_HEADER_BYTES = 12;

function bareWebp(file: Buffer): Buffer | null {
  const riff = Buffer.from(slice(file, 0, RIFF_HEADER_BYTES));
  const end = 8 + riff.readUInt32LE(4);
  const kept = riffChunks(slice(file, RIFF_HEADER_BYTES, end), WEBP_CHUNKS);
  if (kept.length === 0) {
    return null;
  }
  const chunks = kept.map(({ type, chunk }) => {
    if (type === "VP8X") {
      const header = Buffer.from(chunk);
      header.writeUInt8(header.readUInt8(8) & ~WEBP_EXTRAS, 8);
      return header;
    }
    return type === "ANMF" ? bareFrame(chunk) : chunk;
  });
  riff.writeUInt32LE(4 + chunks.reduce((sum, chunk) => sum + chunk.length, 0), 4);
  return Buffer.concat([riff, ...chunks]);
}

function bareFrame(chunk: Buffer): Buffer {
  const head = Buffer.from(slice(chunk, 0, 8 + ANMF_HEADER_BYTES));
  const end = 8 + chunk.readUInt32LE(4);
  const kept = riffChunks(slice(chunk, 8 + ANMF_HEADER_BYTES, end), WEBP_FRAME_CHUNKS);
  const body = Buffer.concat(kept.map(({ chunk: part }) => part));
  head.writeUInt32LE(ANMF_HEADER_BYTES + body.length, 4);
  return Buffer.concat([head, body]);
}

/** Chunks of the given types, each padded to an even length. */
function riffChunks(bytes: Buffer, types: ReadonlySet<string>): { type: string; chunk: Buffer }[] {
  const chunks: { type: string; chunk: Buffer }[] = [];
  for (let at = 0; at < bytes.length;) {
    const type = slice(bytes, at, at + 4).toString("latin1");
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    const body = slice(bytes, at, end);
    if (types.has(type)) {
      chunks.push({ type, chunk: end % 2 === 0 ? body : Buffer.concat([body, Buffer.alloc(1)]) });
    }
    at = end + (end % 2);
  }
  return chunks;
}

const GIF = { EXTENSION: 0x21, IMAGE: 0x2c, TRAILER: 0x3b, CONTROL: 0xf9, APPLICATION: 0xff };
const GIF_HEADER_BYTES = 13;
const GIF_IMAGE_BYTES = 10;
/** The one application extension that a decoder needs: the repeat count of an animation. */
const GIF_LOOP = Buffer.from("\u000bNETSCAPE2.0\u0003\u0001", "latin1");

function bareGif(file: Buffer): Buffer | null {
  const kept: Buffer[] = [];
  let at = GIF_HEADER_BYTES + colourTableBytes(file.readUInt8(10));
  kept.push(slice(file, 0, at));
  for (;;) {
    const start = at;
    const kind = file.readUInt8(at);
    if (kind === GIF.TRAILER) {
      return Buffer.concat([...kept, Buffer.of(GIF.TRAILER)]);
    }
    if (kind === GIF.IMAGE) {
      at += GIF_IMAGE_BYTES + colourTableBytes(file.readUInt8(at + GIF_IMAGE_BYTES - 1));
      at = endOfSubBlocks(file, at + 1); // after the code size
      kept.push(slice(file, start, at));
    } else if (kind === GIF.EXTENSION) {
      const label = file.readUInt8(at + 1);
      at = endOfSubBlocks(file, at + 2);
      const extension = slice(file, start, at);
      const isControl = label === GIF.CONTROL && extension.length === 8;
      const loopAt = extension.subarray(2, 2 + GIF_LOOP.length);
      const isLoop =
        label === GIF.APPLICATION && loopAt.equals(GIF_LOOP) && extension.length === 19;
      if (isControl || isLoop) {
        kept.push(extension);
      }
    } else {
      return null;
    }
  }
}

function colourTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** Position after the empty sub-block that ends a sequence. */
function endOfSubBlocks(file: Buffer, start: number): number {
  let at = start;
  for (let length = file.readUInt8(at); length > 0; length = file.readUInt8(at)) {
    at += 1 + length;
  }
  return at + 1;
}
