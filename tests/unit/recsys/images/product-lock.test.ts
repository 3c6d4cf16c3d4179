import { resizedAlpha, resizedRgb } from "../../../../src/ml/metrics/resized-rgb.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { fidelityThresholds } from "../../../../src/recsys/images/fidelity-policy.js";
import {
  checkedImage,
  checkedImages,
  lockedImage,
  type OriginalProduct,
  policyByImage,
  policyOfShop,
  ProductLock,
  type ProductMask,
} from "../../../../src/recsys/images/product-lock.js";

const WIDTH = 60;
const HEIGHT = 80;

function imageOf(
  colorAt: (x: number, y: number) => ArrayLike<number>,
  [widthPixels, heightPixels] = [WIDTH, HEIGHT],
): RgbImage {
  const pixels = new Uint8Array(3 * widthPixels * heightPixels);
  for (let i = 0; i < widthPixels * heightPixels; i++) {
    pixels.set(colorAt(i % widthPixels, Math.floor(i / widthPixels)), 3 * i);
  }
  return { widthPixels, heightPixels, pixels };
}

const isProduct = (x: number) => x >= 20 && x < 40;

/** A woven product in the middle third, on a noisy backdrop. */
function photograph(seed = 1): RgbImage {
  const random = new Random(seed);
  return imageOf((x, y) => {
    const level = isProduct(x) ? 110 + 40 * Math.sin(x) * Math.cos(y) : 200;
    return [0, 1, 2].map(c => level - 20 * c + 4 * random.normals(1)[0]);
  });
}

function maskOf(change: Partial<ProductMask> = {}): ProductMask {
  const alpha = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    isProduct(i % WIDTH) ? 255 : 0,
  );
  return { widthPixels: WIDTH, heightPixels: HEIGHT, alpha, fault: null, ...change };
}

function productOf(change: Partial<OriginalProduct> = {}): OriginalProduct {
  const known = { policy: "PRODUCT", fault: null, maskFault: null } as const;
  return { ...known, original: photograph(), mask: maskOf(), ...change };
}

/** The photograph in front of another backdrop. */
function restaged(original: RgbImage): RgbImage {
  return imageOf((x, y) => {
    const at = 3 * (y * WIDTH + x);
    return isProduct(x) ? original.pixels.subarray(at, at + 3) : [60, 90, 120 + (y >> 1)];
  });
}

const blurred = (image: RgbImage) =>
  resizedRgb(resizedRgb(image, { widthPixels: 8, heightPixels: 10 }), image);

describe("checkedImage() under PRODUCT", () => {
  it("passes a product in another setting, with its own pixels", () => {
    const product = productOf();
    const { faults, fidelity, image } = checkedImage(product, restaged(product.original));
    expect(faults).toEqual([]);
    expect(fidelity).toMatchObject({ colorP95: 0, ssim: 1, edgeEnergy: 1, size: 1 });
    expect(image).toEqual(restaged(product.original));
  });

  it("puts the product's pixels back where a generator changed them slightly", () => {
    const product = productOf();
    const shifted = restaged(product.original);
    const candidate = { ...shifted, pixels: shifted.pixels.map(value => Math.min(255, value + 9)) };
    const checked = checkedImage(product, candidate);
    expect(checked.faults).toEqual([]);
    expect(checked.fidelity.colorP95).toBe(0);
    expect(checked.generatedFidelity!.colorP95).toBeGreaterThan(1);
  });

  it("refuses a generator that draws another product, or a blur", () => {
    const product = productOf();
    const other = imageOf((x, y) => [(x * 31) % 256, (y * 17) % 256, 40]);
    expect(checkedImage(product, other).faults).toEqual(["PRODUCT_CHANGED"]);
    expect(checkedImage(product, blurred(product.original)).faults).toContain("BLURRED");
  });

  it("shows an image of half the size at the original's, and refuses a smaller one", () => {
    const product = productOf();
    const half = resizedRgb(restaged(product.original), { widthPixels: 30, heightPixels: 40 });
    const checked = checkedImage(product, half);
    expect([checked.image.widthPixels, checked.image.heightPixels]).toEqual([WIDTH, HEIGHT]);
    expect(checked.generatedFidelity!.size).toBe(0.5);
    const third = resizedRgb(restaged(product.original), { widthPixels: 18, heightPixels: 24 });
    expect(checkedImage(product, third).faults).toContain("BLURRED");
  });

  it("refuses a small image also of a product without detail", () => {
    const plain = imageOf(() => [90, 90, 90]);
    const product = productOf({ original: plain });
    const third = resizedRgb(plain, { widthPixels: 18, heightPixels: 24 });
    expect(checkedImage(product, third).faults).toEqual(["BLURRED"]);
    expect(checkedImage(product, plain).faults).toEqual([]);
  });

  it("passes nothing but the original where there is no mask", () => {
    const product = productOf({ mask: null });
    expect(checkedImage(product, product.original).faults).toEqual([]);
    expect(checkedImage(product, restaged(product.original))).toMatchObject({
      faults: ["PRODUCT_CHANGED"],
      generatedFidelity: null,
    });
  });
});

describe("checkedImage() under other policies", () => {
  it("refuses a blur under STYLE, and passes another product", () => {
    const product = productOf({ policy: "STYLE", mask: null });
    const sharp = imageOf((x, y) => [(x * 31) % 256, (y * 17) % 256, 40]);
    expect(checkedImage(product, sharp).faults).toEqual([]);
    expect(checkedImage(product, blurred(product.original)).faults).toEqual(["BLURRED"]);
  });

  it("measures under FREE, and refuses nothing", () => {
    const product = productOf({ policy: "FREE", mask: null });
    const { faults, fidelity } = checkedImage(product, blurred(product.original));
    expect(faults).toEqual([]);
    expect(fidelity.sharpness).toBeLessThan(fidelityThresholds.STYLE.minSharpness);
  });

  it("checks images in order", async () => {
    const product = productOf();
    const images = [blurred(product.original), restaged(product.original)];
    const checked = await checkedImages(product, images);
    expect(checked.map(({ faults }) => faults.length > 0)).toEqual([true, false]);
  });
});

describe("lockedImage()", () => {
  it("leaves edges to the candidate and fades in between", () => {
    const original = imageOf(() => [100, 100, 100], [4, 1]);
    const candidate = imageOf(() => [200, 200, 200], [4, 1]);
    const { pixels } = lockedImage(original, candidate, new Uint8Array([0, 200, 225, 250]));
    expect([...pixels.filter((_, i) => i % 3 === 0)]).toEqual([200, 200, 150, 100]);
  });
});

describe("ProductLock", () => {
  const lockOf = (mask: ProductMask | null) =>
    new ProductLock({
      originals: { load: async () => photograph() },
      masks: mask && { of: async () => ({ image: photograph(), mask }) },
      policyOf: policyByImage,
    });

  it("takes a photograph's product by its mask", async () => {
    const product = await lockOf(maskOf()).open("ab", "AUTO");
    expect(product).toMatchObject({ policy: "PRODUCT", fault: null, mask: { fault: null } });
  });

  it("keeps the original, with the reason, where the mask cannot be trusted", async () => {
    const product = await lockOf(maskOf({ fault: "FRAGMENTS" })).open("ab", "AUTO");
    expect(product).toMatchObject({
      fault: "MASK_IMPLAUSIBLE",
      maskFault: "FRAGMENTS",
      mask: null,
    });
  });

  it("reads no mask under another policy", async () => {
    const product = await lockOf(maskOf({ fault: "FRAGMENTS" })).open("ab", "STYLE");
    expect(product).toMatchObject({ policy: "STYLE", mask: null, fault: null });
  });

  it("has no mask without a mask model", async () => {
    expect(await lockOf(null).open("ab", "PRODUCT")).toMatchObject({ mask: null, fault: null });
  });
});

describe("policyOfShop()", () => {
  const packshot = imageOf((x, y) => (isProduct(x) ? [90 + (y % 3), 40, 40] : [255, 255, 255]));

  it("is the shop's setting, whatever the image", () => {
    expect(policyOfShop("FREE", { isOfPhotographs: true })(photograph())).toBe("FREE");
  });

  it("is PRODUCT for every image of a catalogue of photographs, a packshot on perfect white too", () => {
    expect(policyOfShop(null, { isOfPhotographs: false })(packshot)).toBe("STYLE");
    expect(policyOfShop(null, { isOfPhotographs: true })(packshot)).toBe("PRODUCT");
  });

  it("is that of the image where the catalogue is of drawings", () => {
    expect(policyOfShop(null, { isOfPhotographs: false })(photograph())).toBe("PRODUCT");
  });
});

describe("resizedAlpha()", () => {
  it("keeps nothing of a square generator's white borders", () => {
    const full = maskOf({ alpha: new Uint8Array(WIDTH * HEIGHT).fill(255) });
    const { alpha } = resizedAlpha(full, { widthPixels: 80, heightPixels: 80 });
    const row = [...alpha.subarray(80 * 40, 80 * 41)];
    expect(row.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(row.slice(10, 70)).toEqual(Array.from({ length: 60 }, () => 255));
    expect(row.slice(70)).toEqual(Array.from({ length: 10 }, () => 0));
  });
});
