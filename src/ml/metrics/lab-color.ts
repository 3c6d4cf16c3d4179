/** @file CIE L*a*b* colours (CIE 15:2004, D65 white) of sRGB values (IEC 61966-2-1). */

/** Lightness 0..100, then a (green to red) and b (blue to yellow), about -100..100. */
export type Lab = readonly [lightness: number, a: number, b: number];

/** A colour by lightness 0..100, chroma 0..about 130 (0 is grey), and hue in degrees, 0..360. */
export interface Lch {
  lightness: number;
  chroma: number;
  hue: number;
}

/** sRGB's primaries in X, Y, Z, each divided by the white's, so that white is (1, 1, 1). */
const TO_XYZ = [
  [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339 / 1.08883, 0.119192 / 1.08883, 0.9503041 / 1.08883],
] as const;

/** Byte -> linear light, 0..1. */
const LINEAR = Float64Array.from({ length: 256 }, (_, byte) => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

/** The colour of an 8-bit sRGB value. */
export function labOf(red: number, green: number, blue: number): Lab {
  const [r, g, b] = [LINEAR[red], LINEAR[green], LINEAR[blue]];
  const [x, y, z] = TO_XYZ.map(row => cubeRoot(row[0] * r + row[1] * g + row[2] * b));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** The same colour in polar form. */
export function lchOf([lightness, a, b]: Lab): Lch {
  const hue = (Math.atan2(b, a) * 180) / Math.PI;
  return { lightness, chroma: Math.hypot(a, b), hue: (hue + 360) % 360 };
}

/** CIE76: the distance in Lab. About 2.3 is just noticeable. */
export function labDistance(first: Lab, second: Lab): number {
  return Math.hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]);
}

/** The cube root, with CIE's straight line near zero. */
function cubeRoot(t: number): number {
  const bend = 6 / 29;
  return t > bend ** 3 ? Math.cbrt(t) : t / (3 * bend ** 2) + 4 / 29;
}
