/**
 * @file OKLab, where equal distances look equal, and linear light, where shadows multiply. Ottosson, "A perceptual color space for
 * image processing", 2020, https://bottosson.github.io/posts/oklab/
 */

/** Lightness 0..1 (white 1), and two axes of about -0.4..0.4: green to red, blue to yellow. */
export type Oklab = readonly [lightness: number, a: number, b: number];

/** Linear light of sRGB's red, green and blue, 0..1. */
export type LinearRgb = readonly [red: number, green: number, blue: number];

/** sRGB codes 0..255 -> linear light 0..1. */
export const LINEAR_OF_CODE = Float32Array.from({ length: 256 }, (_, code) => {
  const value = code / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

const CODE_STEPS = 8_192;
/** Linear light in steps of 1 / 8,192 -> sRGB codes 0..255, not rounded. */
const codeOfLinear = Float32Array.from({ length: CODE_STEPS + 1 }, (_, step) => {
  const value = step / CODE_STEPS;
  return 255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
});

/** sRGB code, not rounded, of linear light; values outside 0..1 are clamped. */
export function codeOf(linear: number): number {
  const place = linear <= 0 ? 0 : linear >= 1 ? CODE_STEPS : linear * CODE_STEPS;
  const low = place | 0;
  const next = low === CODE_STEPS ? low : low + 1;
  return codeOfLinear[low] + (place - low) * (codeOfLinear[next] - codeOfLinear[low]);
}

/** Relative luminance of linear light. */
export function luminance(red: number, green: number, blue: number): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function oklabOf([red, green, blue]: LinearRgb): Oklab {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** The nearest colour of the same hue and lightness that sRGB has. */
export function linearOf([lightness, a, b]: Oklab): LinearRgb {
  let share = 1;
  for (let step = 0; step < 24; step++) {
    const colour = unclamped(lightness, share * a, share * b);
    if (colour.every(value => value >= -1e-4 && value <= 1.0001)) {
      return clamped(colour);
    }
    share *= 0.9;
  }
  return clamped(unclamped(lightness, 0, 0));
}

function unclamped(lightness: number, a: number, b: number): LinearRgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function clamped([red, green, blue]: LinearRgb): LinearRgb {
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  return [clamp(red), clamp(green), clamp(blue)];
}
