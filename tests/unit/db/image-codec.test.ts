import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Color, type Sharp } from "sharp";
import {
  decodeRgb,
  defaultImageLimits,
  encodeGeneratedPng,
  encodePng,
  inspectImage,
  resizeForServing,
  TRAINED_ALGORITHMIC_MEDIA,
} from "../../../src/db/image-codec.js";
import { Random } from "../../../src/ml/nn/random.js";

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

/** A PNG with a true header of any size and hardly any content. */
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
  it.each(["avif", "gif", "jpeg", "png", "webp"] as const)("takes %s as it is", async format => {
    const bytes = await solid(30, 20).toFormat(format).toBuffer();
    const picture = await inspectImage(bytes);
    expect(picture).toMatchObject({
      mediaType: `image/${format}`,
      widthPixels: 30,
      heightPixels: 20,
    });
    if (format !== "avif") {
      expect(picture.bytes.equals(bytes)).toBe(true); // nothing was taken out, so nothing was encoded again
    }
  });

  it("turns a picture upright and takes out where and by whom it was made", async () => {
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

  it("draws an SVG as a PNG large enough to look at", async () => {
    const picture = await inspectImage(svg('<rect width="40" height="20" fill="red"/>'));
    expect(picture).toMatchObject({ mediaType: "image/png", widthPixels: 512, heightPixels: 256 });
  });

  it("judges by content: a text is no picture, whatever its name", async () => {
    for (const text of ["just text", "<html><body>404</body></html>", ""]) {
      await expect(inspectImage(Buffer.from(text))).rejects.toMatchObject({
        code: expect.stringMatching(/^IMAGE_(TYPE|UNREADABLE)$/) as unknown,
      });
    }
  });

  it("names a picture of a type it does not take", async () => {
    const tiff = await solid(4, 4).tiff().toBuffer();
    await expect(inspectImage(tiff)).rejects.toMatchObject({ code: "IMAGE_TYPE" });
  });

  it.each([0.5, 0.9, 0.99])("finds that a PNG ends after %d of its bytes", async part => {
    const whole = await noisyPng(64);
    const cut = whole.subarray(0, Math.floor(whole.length * part));
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it.each([0.5, 0.99])("finds that a JPEG ends after %d of its bytes", async part => {
    const whole = await sharp(await noisyPng(64))
      .jpeg()
      .toBuffer();
    const cut = whole.subarray(0, Math.floor(whole.length * part));
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it("finds a large picture that is cut, without a thumbnail's shortcut", async () => {
    const whole = await sharp(await noisyPng(1200))
      .jpeg()
      .toBuffer();
    await expect(inspectImage(whole)).resolves.toMatchObject({ widthPixels: 1200 });
    const cut = whole.subarray(0, whole.length - 2_000);
    await expect(inspectImage(cut)).rejects.toMatchObject({ code: "IMAGE_UNREADABLE" });
  });

  it("refuses a file that claims to be enormous, by its header", async () => {
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

  it("draws nothing of a file it refers to", async () => {
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

  it("does not read a file into its text by an entity", async () => {
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

describe("decodeRgb() and the encoders", () => {
  it("fills up with white what a picture does not cover", async () => {
    const bytes = await solid(2, 4).png().toBuffer();
    const { pixels } = await decodeRgb(bytes, { widthPixels: 4, heightPixels: 4 });
    const row = [255, 255, 255, 255, 0, 0, 255, 0, 0, 255, 255, 255];
    expect(Array.from(pixels)).toEqual([...row, ...row, ...row, ...row]);
  });

  it("puts what is transparent on white, and grey in three channels", async () => {
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

  it("gives back the pixels it encoded as PNG", async () => {
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

  it("says in XMP that a model made it, and which", async () => {
    const bytes = await encodeGeneratedPng(image, "mini@2");
    const xmp = await xmpOf(bytes);
    expect(xmp).toContain(`Iptc4xmpExt:DigitalSourceType="${TRAINED_ALGORITHMIC_MEDIA}"`);
    expect(xmp).toContain('xmp:CreatorTool="Vitrine mini@2"');
    expect(TRAINED_ALGORITHMIC_MEDIA).toBe(
      "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    );
    // As a program without a PNG library finds it: an iTXt chunk under Adobe's keyword.
    expect(bytes.includes("XML:com.adobe.xmp")).toBe(true);
  });

  it("keeps its pixels", async () => {
    const { pixels } = await decodeRgb(await encodeGeneratedPng(image, "mini@2"));
    expect(pixels).toEqual(image.pixels);
  });

  it("lets no name of a model break out of the XMP", async () => {
    const xmp = await xmpOf(await encodeGeneratedPng(image, 'a"/><evil> & b'));
    expect(xmp).not.toContain("<evil>");
    expect(xmp).toContain('xmp:CreatorTool="Vitrine a/evil  b"');
  });

  it.each(["avif", "jpeg", "png", "webp"] as const)(
    "still says so when served as %s",
    async format => {
      const bytes = await encodeGeneratedPng(image, "mini@2");
      const served = await resizeForServing(bytes, { width: 12, format });
      expect(await xmpOf(served)).toContain(TRAINED_ALGORITHMIC_MEDIA);
    },
  );

  it("is the only one that says so: what comes from outside loses its claim", async () => {
    const { bytes } = await inspectImage(await encodeGeneratedPng(image, "mini@2"));
    expect(await xmpOf(bytes)).toBeUndefined();
    expect(await xmpOf(await encodePng(image))).toBeUndefined();
  });
});
