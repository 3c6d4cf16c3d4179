import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Color, type Metadata, type Sharp } from "sharp";
import {
  decodeRgb,
  defaultImageLimits,
  encodeGeneratedPng,
  encodePng,
  inspectImage,
  resizeForServing,
  digitalSourceUrl,
} from "../../../src/db/image-codec.js";
import { checkedSvg } from "../../../src/db/svg-check.js";
import { drawSvg } from "../../../src/db/svg-renderer.js";
import { Random } from "../../../src/ml/nn/random.js";
import { patience } from "../../helpers/patience.js";

const RED = { r: 255, g: 0, b: 0 };

function solid(width: number, height: number, background: Color = RED): Sharp {
  return sharp({ create: { width, height, channels: 3, background } });
}

/** A PNG of noise, which does not compress: cutting it anywhere cuts pixels. */
async function noisyPng(side: number, seed = 1): Promise<Buffer> {
  const random = new Random(seed);
  const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.int(256));
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

/** A PNG with a valid header of any size and hardly any content. */
function pngThatClaims(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (type: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(type, "latin1"), body]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, check]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", Buffer.from("789c030000000001", "hex")),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const svg = (body: string, attributes = 'width="40" height="20"') =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>${body}</svg>`,
  );

describe("inspectImage()", () => {
  it.each(["avif", "gif", "jpeg", "png", "webp"] as const)("keeps %s unchanged", async format => {
    const bytes = await solid(30, 20).toFormat(format).toBuffer();
    const inspected = await inspectImage(bytes);
    expect(inspected).toMatchObject({
      mediaType: `image/${format}`,
      widthPixels: 30,
      heightPixels: 20,
    });
    if (format !== "avif") {
      expect(inspected.bytes.equals(bytes)).toBe(true); // nothing was taken out, so nothing was encoded again
    }
  });

  it("rotates a picture upright and strips location and author", async () => {
    const bytes = await solid(30, 20)
      .jpeg()
      .withExif({ IFD0: { Artist: "Somebody", Orientation: "6" } })
      .toBuffer();
    const oriented = await sharp(bytes).withMetadata({ orientation: 6 }).toBuffer();
    const { bytes: stored, widthPixels, heightPixels } = await inspectImage(oriented);
    expect([widthPixels, heightPixels]).toEqual([20, 30]);
    const { exif, orientation } = await sharp(stored).metadata();
    expect([exif, orientation]).toEqual([undefined, undefined]);
    expect(stored.includes("Somebody")).toBe(false);
  });

  it("renders an SVG as a PNG of usable size", async () => {
    const inspected = await inspectImage(svg('<rect width="40" height="20" fill="red"/>'));
    expect(inspected).toMatchObject({
      mediaType: "image/png",
      widthPixels: 512,
      heightPixels: 256,
    });
  });

  it("decides by content: a text is not an image, whatever its name", async () => {
    for (const text of ["just text", "<html><body>404</body></html>", ""]) {
      await expect(inspectImage(Buffer.from(text))).rejects.toMatchObject({
        code: expect.stringMatching(/^IMAGE_(TYPE|UNREADABLE)$/) as unknown,
      });
    }
  });

  it("names the type of an unsupported file", async () => {
    const tiff = await solid(4, 4).tiff().toBuffer();
    await expect(inspectImage(tiff)).rejects.toMatchObject({ code: "IMAGE_TYPE" });
  });

  it.each([0.5, 0.9, 0.99])("detects that a PNG ends after %d of its bytes", async part => {
    const whole = await noisyPng(64);
    const cut = whole.subarray(0, Math.floor(whole.length * part));
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it.each([0.5, 0.99])("detects that a JPEG ends after %d of its bytes", async part => {
    const whole = await sharp(await noisyPng(64))
      .jpeg()
      .toBuffer();
    const cut = whole.subarray(0, Math.floor(whole.length * part));
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it("detects a truncated large picture, without a thumbnail shortcut", async () => {
    const whole = await sharp(await noisyPng(1200))
      .jpeg()
      .toBuffer();
    await expect(inspectImage(whole)).resolves.toMatchObject({ widthPixels: 1200 });
    const cut = whole.subarray(0, whole.length - 2_000);
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it("refuses a side above 65,535 pixels, whose rows take much memory", async () => {
    await expect(inspectImage(pngThatClaims(16_777_215, 1))).rejects.toMatchObject({
      code: "IMAGE_TOO_LARGE",
      details: { got: 16_777_215, unit: "pixels on a side", max: 65_535 },
    });
  });

  it("refuses a file that claims to be enormous, from its header", async () => {
    await expect(inspectImage(pngThatClaims(50_000, 50_000))).rejects.toMatchObject({
      code: "IMAGE_TOO_LARGE",
      details: { got: 2_500_000_000, unit: "pixels", max: 40_000_000 },
    });
  });

  it("refuses too many bytes, pixels and pages", async () => {
    const bytes = await solid(30, 20).png().toBuffer();
    const pages = await sharp([await noisyPng(8, 1), await noisyPng(8, 2)], {
      join: { animated: true },
    })
      .gif()
      .toBuffer();
    const limits = { ...defaultImageLimits, maxBytes: bytes.length - 1 };
    await expect(inspectImage(bytes, limits)).rejects.toMatchObject({ details: { unit: "bytes" } });
    await expect(
      inspectImage(bytes, { ...defaultImageLimits, maxPixels: 599 }),
    ).rejects.toMatchObject({ details: { got: 600, unit: "pixels" } });
    await expect(inspectImage(pages)).rejects.toMatchObject({
      code: "IMAGE_TOO_LARGE",
      details: { got: 2, unit: "pages" },
    });
  });
});

describe("inspectImage() of a hostile SVG", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-svg-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("does not render a file it refers to", async () => {
    const secret = join(folder, "secret.png");
    await solid(40, 20).png().toFile(secret);
    const white = '<rect width="40" height="20" fill="white"/>';
    for (const href of [secret, `file://${secret}`, "secret.png", "http://127.0.0.1:9/x.png"]) {
      for (const name of ["href", "xlink:href"]) {
        const { bytes } = await inspectImage(
          svg(`${white}<image ${name}="${href}" width="40" height="20"/>`),
        );
        const { pixels } = await decodeRgb(bytes, { widthPixels: 4, heightPixels: 2 });
        expect(Array.from(pixels)).toEqual(Array(24).fill(255)); // white: no red came in
      }
    }
  });

  it("does not include a file by an entity", async () => {
    const drawing = svg("<text>&x;</text>").toString();
    const bytes = Buffer.from(`<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>${drawing}`);
    await expect(inspectImage(bytes)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it("refuses one that claims to be enormous", async () => {
    const bytes = svg("<rect/>", 'width="100000" height="100000"');
    await expect(inspectImage(bytes)).rejects.toMatchObject({
      code: expect.stringMatching(/^IMAGE_(TOO_LARGE|UNREADABLE)$/) as unknown,
    });
  });
});

/** A file of the shared examples of faults; the test has its expected value. */
const input = (name: string) => readFileSync(`tests/fixtures/inputs/bugs/${name}`);

async function colours(bytes: Uint8Array): Promise<number> {
  const { pixels } = await decodeRgb(bytes);
  const found = new Set<number>();
  for (let i = 0; i < pixels.length; i += 3) {
    found.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
  }
  return found.size;
}

/** 256 x 256 colours: red grows to the right, green downwards, blue against both. */
const gradient = () => {
  const pixels = new Uint8Array(256 * 256 * 3);
  for (let i = 0; i < 256 * 256; i++) {
    pixels.set([i & 255, i >> 8, 255 - ((i & 255) >> 1)], 3 * i);
  }
  return sharp(pixels, { raw: { width: 256, height: 256, channels: 3 } });
};

describe("inspectImage() keeps every colour", () => {
  it("of a PNG with a colour profile", async () => {
    const { bytes } = await inspectImage(input("gradient-with-icc.png"));
    expect(await colours(bytes)).toBe(65_536);
    const { icc, isPalette, space } = (await sharp(bytes).metadata()) as Metadata & {
      isPalette?: boolean;
    };
    expect([icc, isPalette, space]).toEqual([undefined, false, "srgb"]);
  });

  it("of a PNG with EXIF, of one with 16 bits and of a lossless WebP with a profile", async () => {
    const sources = [
      await gradient()
        .png()
        .withExif({ IFD0: { Artist: "Somebody" } })
        .toBuffer(),
      await gradient().toColourspace("rgb16").png().toBuffer(),
      await gradient().webp({ lossless: true }).withIccProfile("srgb").toBuffer(),
    ];
    const expected = await gradient().raw().toBuffer();
    for (const source of sources) {
      const { bytes } = await inspectImage(source);
      const { pixels } = await decodeRgb(bytes);
      expect(Buffer.compare(Buffer.from(pixels), expected)).toBe(0);
    }
  });

  it("of a drawing", async () => {
    const stops = '<stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"/>';
    const drawing = `<linearGradient id="g">${stops}</linearGradient><linearGradient id="h" x2="0" y2="1"><stop offset="0" stop-opacity="0"/><stop offset="1"/></linearGradient><rect width="40" height="20" fill="url(#g)"/><rect width="40" height="20" fill="url(#h)"/>`;
    const { bytes } = await inspectImage(svg(drawing));
    expect(await colours(bytes)).toBeGreaterThan(5_000);
  });

  it("as sRGB where the profile is another: P3's red is redder than sRGB can show", async () => {
    const p3 = await sharp({ create: { width: 2, height: 2, channels: 3, background: "#c86432" } })
      .png()
      .withIccProfile("p3")
      .toBuffer();
    const stored = await sharp(p3).metadata();
    expect(stored.icc).toBeDefined();
    const { bytes } = await inspectImage(p3);
    const { pixels } = await decodeRgb(bytes);
    const [r, g, b] = pixels;
    expect(Math.abs(r - 200) + Math.abs(g - 100) + Math.abs(b - 50)).toBeLessThanOrEqual(6);
  });
});

describe("inspectImage() keeps nothing but the image", () => {
  const SECRET = "Somebody's secret";
  const secret = Buffer.from(SECRET);

  const pngChunk = (type: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(type, "latin1"), body]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    check.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, check]);
  };
  const inserted = (file: Buffer, at: number, part: Buffer) =>
    Buffer.concat([file.subarray(0, at), part, file.subarray(at)]);
  const segment = (marker: number, body: Buffer) => {
    const head = Buffer.of(0xff, marker, 0, 0);
    head.writeUInt16BE(body.length + 2, 2);
    return Buffer.concat([head, body]);
  };
  const riffChunk = (type: string, body: Buffer) => {
    const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
  };
  const riff = (file: Buffer) => {
    file.writeUInt32LE(file.length - 8, 4);
    return file;
  };

  const png = () => solid(30, 20).png().toBuffer();
  const jpeg = () => solid(30, 20).jpeg().toBuffer();
  const webp = () => solid(30, 20).webp().toBuffer();
  const gif = () => solid(30, 20).gif().toBuffer();
  const avif = () => solid(30, 20).avif().toBuffer();

  /** The zlib stream of the pixels, with bytes after its end. */
  async function pngWithHiddenBytes(): Promise<Buffer> {
    const file = await png();
    const at = file.indexOf("IDAT") - 4;
    const length = file.readUInt32BE(at);
    const body = Buffer.concat([file.subarray(at + 8, at + 8 + length), secret]);
    return Buffer.concat([
      file.subarray(0, at),
      pngChunk("IDAT", body),
      pngChunk("IEND", Buffer.alloc(0)),
    ]);
  }

  it.each<[string, () => Promise<Buffer>]>([
    ["text in a PNG", async () => inserted(await png(), 33, pngChunk("tEXt", secret))],
    ["an unknown chunk of a PNG", async () => inserted(await png(), 33, pngChunk("prVt", secret))],
    [
      "a colour chunk of a PNG that is too long",
      async () => inserted(await png(), 33, pngChunk("gAMA", secret)),
    ],
    ["bytes after a PNG", async () => Buffer.concat([await png(), secret])],
    ["bytes in a PNG's last pixels", pngWithHiddenBytes],
    ["a comment of a JPEG", async () => inserted(await jpeg(), 2, segment(0xfe, secret))],
    ["a camera's segment of a JPEG", async () => inserted(await jpeg(), 2, segment(0xe5, secret))],
    [
      "a thumbnail of a JPEG",
      async () =>
        inserted(
          await jpeg(),
          2,
          segment(0xe0, Buffer.concat([Buffer.from("JFXX\0\x10"), secret])),
        ),
    ],
    ["bytes after a JPEG", async () => Buffer.concat([await jpeg(), secret])],
    [
      "an unknown chunk of a WebP",
      async () => riff(Buffer.concat([await webp(), riffChunk("ABCD", secret)])),
    ],
    ["XMP of a WebP", () => solid(30, 20).webp().withXmp(`<a>${SECRET}</a>`).toBuffer()],
    ["bytes after a WebP", async () => Buffer.concat([await webp(), secret])],
    [
      "a comment of a GIF",
      async () =>
        inserted(
          await gif(),
          (await gif()).length - 1,
          Buffer.concat([Buffer.of(0x21, 0xfe, secret.length), secret, Buffer.of(0)]),
        ),
    ],
    [
      "an application's block of a GIF",
      async () =>
        inserted(
          await gif(),
          (await gif()).length - 1,
          Buffer.concat([
            Buffer.of(0x21, 0xff, 11),
            Buffer.from("XMP DataXMP"),
            Buffer.of(secret.length),
            secret,
            Buffer.of(0),
          ]),
        ),
    ],
    ["bytes after a GIF", async () => Buffer.concat([await gif(), secret])],
    [
      "EXIF of an AVIF",
      () =>
        solid(30, 20)
          .avif()
          .withExif({ IFD0: { Artist: SECRET } })
          .toBuffer(),
    ],
    ["bytes after an AVIF", async () => Buffer.concat([await avif(), secret])],
  ])("without %s", async (_, make) => {
    const source = await make();
    expect(source.includes(secret)).toBe(true);
    const { bytes, widthPixels, heightPixels } = await inspectImage(source);
    expect(bytes.includes(secret)).toBe(false);
    expect([widthPixels, heightPixels]).toEqual([30, 20]);
    const [before, after] = [await decodeRgb(source), await decodeRgb(bytes)];
    const error = before.pixels.map((value, i) => Math.abs(value - after.pixels[i]));
    expect(Math.max(...error)).toBeLessThanOrEqual(2); // AVIF is encoded again
  });

  it("without the author's text and the comment of the shared examples", async () => {
    const author = input("png-with-author-text.png");
    const { bytes } = await inspectImage(author);
    const types = [...bytes.toString("latin1").matchAll(/(IHDR|IDAT|IEND|tEXt|iTXt|zTXt|eXIf)/g)];
    expect(new Set(types.map(([type]) => type))).toEqual(new Set(["IHDR", "IDAT", "IEND"]));
    expect(await decodeRgb(bytes)).toEqual(await decodeRgb(author));

    const comment = input("jpeg-with-comment.jpg");
    const stored = (await inspectImage(comment)).bytes;
    expect(stored.subarray(-2).toString("hex")).toBe("ffd9");
    expect((await sharp(stored).metadata()).comments).toBeUndefined();
    expect(await decodeRgb(stored)).toEqual(await decodeRgb(comment));
  });

  it.each(["gif", "webp"] as const)("of every frame of an animated %s", async format => {
    const frames = [await noisyPng(8, 1), await noisyPng(8, 2), await noisyPng(8, 3)];
    const animated = await sharp(frames, { join: { animated: true } })
      .toFormat(format, { loop: 2, delay: [100, 100, 100] })
      .toBuffer();
    const end = format === "gif" ? animated.length - 1 : animated.length;
    const extra =
      format === "gif"
        ? Buffer.concat([Buffer.of(0x21, 0xfe, secret.length), secret, Buffer.of(0)])
        : riffChunk("ABCD", secret);
    const source = Buffer.concat([animated.subarray(0, end), extra, animated.subarray(end)]);
    if (format === "webp") {
      riff(source);
    }
    const { bytes } = await inspectImage(source, { ...defaultImageLimits, maxPages: 3 });
    expect(bytes.equals(animated)).toBe(true);
    const { loop, pages } = await sharp(bytes).metadata();
    expect([loop, pages]).toEqual([2, 3]);
  });

  it("rotates a PNG by its EXIF orientation", async () => {
    const source = await gradient()
      .resize(30, 20)
      .png()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const { bytes, widthPixels, heightPixels } = await inspectImage(source);
    expect([widthPixels, heightPixels]).toEqual([20, 30]);
    expect((await sharp(bytes).metadata()).exif).toBeUndefined();
  });
});

describe("a very long image", () => {
  it.each([
    ["avif", 16_384, 41],
    ["jpeg", 20_000, 50],
    ["png", 20_000, 50],
    ["webp", 16_383, 41],
  ] as const)("is served as %s within what the format allows", async (format, width, height) => {
    const { bytes } = await inspectImage(input("wide-20000x50.png"));
    const served = await sharp(await resizeForServing(bytes, { format })).metadata();
    expect([served.width, served.height]).toEqual([width, height]);
    const tall = await sharp(bytes).rotate(90).png().toBuffer();
    const servedTall = await resizeForServing(tall, { width: 512, format });
    expect((await sharp(servedTall).metadata()).height).toBe(width);
  });
});

describe("inspectImage() of an expensive SVG", () => {
  it.each([
    ["declares entities", () => input("entities.svg"), "declare entities"],
    ["is compressed", () => input("entities.svgz.svg"), "compressed"],
    ["sets a long text", () => input("long-text.svg"), "characters in one text"],
    ["has unbounded filters", () => svg('<rect filter="url(#f)"/>'.repeat(60)), "steps of filters"],
    ["is deep", () => svg("<g>".repeat(300) + "</g>".repeat(300)), "levels"],
    [
      "hides its text in UTF-16",
      () => Buffer.from(`\ufeff${svg("<rect/>")}`, "utf16le"),
      "not utf-8",
    ],
    [
      "hides its text in UTF-7",
      () => Buffer.from(`<?xml version="1.0" encoding="UTF-7"?>${svg("<rect/>")}`),
      "encoding UTF-7",
    ],
    ["uses an unknown entity", () => svg("<text>&x;</text>"), "not well-formed"],
  ])("refuses one that %s", async (_, make, reason) => {
    await expect(inspectImage(make())).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
      details: { reason: expect.stringContaining(reason) as string },
    });
  });

  it("accepts one in Latin-1, with a plain document type", async () => {
    const text = `<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">${svg('<title>Caf\u00e9</title><rect width="40" height="20" fill="red"/>')}`;
    const { bytes } = await inspectImage(Buffer.from(text, "latin1"));
    expect(Array.from((await decodeRgb(bytes)).pixels.subarray(0, 3))).toEqual([255, 0, 0]);
  });

  it("ends a render that takes too much memory, and renders the next", async () => {
    const steps = Array.from({ length: 40 }, (_, n) => `<feOffset dx="1" result="r${n}"/>`);
    const nodes = Array.from({ length: 40 }, (_, n) => `<feMergeNode in="r${n}"/>`);
    const filter = `<filter id="f" x="0" y="0" width="1" height="1">${steps.join("")}<feMerge>${nodes.join("")}</feMerge></filter>`;
    const rect = '<rect width="6000" height="6000" filter="url(#f)"/>';
    const bomb = svg(filter + rect, 'width="6000" height="6000"'); // takes 3.5 GiB where nothing ends it
    await expect(drawSvg(bomb, 40_000_000, patience(60_000))).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
      details: { reason: "drawing it took more than 1024 MiB" },
    });
    const { widthPixels } = await inspectImage(svg('<rect width="40" height="20"/>'));
    expect(widthPixels).toBe(512);
  });

  it("kills a render that takes too long, and renders the next", async () => {
    const uses = (level: number) => `<use xlink:href="#a${level}"/>`.repeat(10);
    const levels = [1, 2, 3, 4, 5, 6, 7, 8].map(n => `<g id="a${n}">${uses(n - 1)}</g>`);
    const bomb = svg(
      `<defs><rect id="a0" width="1" height="1"/>${levels.join("")}</defs><use xlink:href="#a8"/>`,
    );
    await expect(drawSvg(checkedSvg(bomb), 1_000_000, 100)).rejects.toMatchObject({
      code: "IMAGE_UNREADABLE",
      details: { reason: "drawing it took more than 0.1 s" },
    });
    const { widthPixels } = await inspectImage(svg('<rect width="40" height="20"/>'));
    expect(widthPixels).toBe(512);
  });
});

describe("decodeRgb() and the encoders", () => {
  it("pads with white what a picture does not cover", async () => {
    const bytes = await solid(2, 4).png().toBuffer();
    const { pixels } = await decodeRgb(bytes, { widthPixels: 4, heightPixels: 4 });
    const row = [255, 255, 255, 255, 0, 0, 255, 0, 0, 255, 255, 255];
    expect(Array.from(pixels)).toEqual([...row, ...row, ...row, ...row]);
  });

  it("puts transparency on white, and grey in three channels", async () => {
    const clear = await sharp({
      create: { width: 2, height: 1, channels: 4, background: { ...RED, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect(Array.from((await decodeRgb(clear)).pixels)).toEqual(Array(6).fill(255));
    const grey = await sharp(Buffer.from([10, 200]), { raw: { width: 2, height: 1, channels: 1 } })
      .png()
      .toBuffer();
    expect(Array.from((await decodeRgb(grey)).pixels)).toEqual([10, 10, 10, 200, 200, 200]);
  });

  it("decodes the pixels it encoded as PNG", async () => {
    const image = {
      widthPixels: 2,
      heightPixels: 1,
      pixels: Uint8Array.of(1, 2, 3, 250, 251, 252),
    };
    expect(await decodeRgb(await encodePng(image))).toEqual(image);
  });

  it("serves smaller copies, never larger ones", async () => {
    const bytes = await solid(200, 100).png().toBuffer();
    for (const format of ["avif", "jpeg", "png", "webp"] as const) {
      const served = await sharp(await resizeForServing(bytes, { width: 50, format })).metadata();
      expect([served.format, served.width, served.height]).toEqual([
        format === "avif" ? "heif" : format,
        50,
        25,
      ]);
    }
    const whole = await sharp(
      await resizeForServing(bytes, { width: 900, format: "png" }),
    ).metadata();
    expect(whole.width).toBe(200);
  });
});

describe("encodeGeneratedPng()", () => {
  const image = {
    widthPixels: 24,
    heightPixels: 16,
    pixels: new Uint8Array(24 * 16 * 3).fill(120),
  };
  const xmpOf = async (bytes: Uint8Array) => (await sharp(bytes).metadata()).xmp?.toString("utf8");

  it("records the generating model in XMP", async () => {
    const bytes = await encodeGeneratedPng(image, "mini@2");
    const xmp = await xmpOf(bytes);
    expect(xmp).toContain(
      `Iptc4xmpExt:DigitalSourceType="${digitalSourceUrl("trainedAlgorithmicMedia")}"`,
    );
    expect(xmp).toContain('xmp:CreatorTool="Vitrine mini@2"');
    expect(digitalSourceUrl("trainedAlgorithmicMedia")).toBe(
      "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    );
    // As a program without a PNG library finds it: an iTXt chunk under Adobe's keyword.
    expect(bytes.includes("XML:com.adobe.xmp")).toBe(true);
  });

  it("records a product in a generated setting as a composite, in every served format", async () => {
    const type = "compositeWithTrainedAlgorithmicMedia";
    const bytes = await encodeGeneratedPng(image, "studio@1", type);
    const url = `http://cv.iptc.org/newscodes/digitalsourcetype/${type}`;
    expect(await xmpOf(bytes)).toContain(`Iptc4xmpExt:DigitalSourceType="${url}"`);
    expect(await xmpOf(await resizeForServing(bytes, { width: 12, format: "webp" }))).toContain(
      url,
    );
  });

  it("keeps its pixels", async () => {
    const { pixels } = await decodeRgb(await encodeGeneratedPng(image, "mini@2"));
    expect(pixels).toEqual(image.pixels);
  });

  it("escapes a model's name in the XMP", async () => {
    const xmp = await xmpOf(await encodeGeneratedPng(image, 'a"/><evil> & b'));
    expect(xmp).not.toContain("<evil>");
    expect(xmp).toContain('xmp:CreatorTool="Vitrine a/evil  b"');
  });

  it.each(["avif", "jpeg", "png", "webp"] as const)(
    "keeps the record when served as %s",
    async format => {
      const bytes = await encodeGeneratedPng(image, "mini@2");
      const served = await resizeForServing(bytes, { width: 12, format });
      expect(await xmpOf(served)).toContain(digitalSourceUrl("trainedAlgorithmicMedia"));
    },
  );

  it("removes the same claim from uploads", async () => {
    const { bytes } = await inspectImage(await encodeGeneratedPng(image, "mini@2"));
    expect(await xmpOf(bytes)).toBeUndefined();
    expect(await xmpOf(await encodePng(image))).toBeUndefined();
  });
});
