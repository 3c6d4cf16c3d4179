/** @file Hostile SVG files: small texts that ask for much work, memory, files or addresses. */
import { gzipSync } from "node:zlib";
import type { Random } from "../../src/ml/nn/random.js";

type Part = (size: number, random: Random) => string;

const filtered = (
  steps: string,
) => `<filter id="f" x="-5" y="-5" width="10" height="10">${steps}</filter>
  <rect width="100%" height="100%" filter="url(#f)"/>`;

/** Bodies of drawings; `size` is how much they ask for. */
const parts: readonly Part[] = [
  size => filtered(`<feTurbulence baseFrequency="0.01" numOctaves="${size}"/>`),
  size => filtered(`<feGaussianBlur stdDeviation="${size * 50}"/>`.repeat(Math.min(size, 60))),
  size => filtered(`<feMorphology operator="dilate" radius="${size * 10}"/>`),
  size =>
    filtered(`<feConvolveMatrix order="${size}" kernelMatrix="${"1 ".repeat(size * size)}"/>`),
  size =>
    Array.from({ length: Math.min(size, 40) }, (_, n) =>
      n === 0
        ? '<g id="u0"><circle r="5"/></g>'
        : `<g id="u${n}"><use xlink:href="#u${n - 1}"/><use xlink:href="#u${n - 1}"/></g>`,
    ).join("") + `<use xlink:href="#u${Math.min(size, 40) - 1}"/>`,
  () => '<use id="a" xlink:href="#b"/><use id="b" xlink:href="#a"/>',
  size => "<rect width='9' height='9' opacity='0.5'/>".repeat(size * 1_000),
  size =>
    `<path d="M0 0${" L9 9 L0 9".repeat(size * 10_000)}" stroke="black" stroke-dasharray="0.01"/>`,
  size => `<text font-size="9">${"x".repeat(size * 300)}</text>`,
  size => `<text font-size="${size}e9">x</text>`,
  size =>
    `${"<g opacity='0.9'>".repeat(size * 20)}<rect width='9' height='9'/>${"</g>".repeat(size * 20)}`,
  size => `<pattern id="p" width="0.0${"0".repeat(Math.min(size, 9))}1" height="0.01" patternUnits="userSpaceOnUse"><rect width="1" height="1"/></pattern>
    <rect width="100%" height="100%" fill="url(#p)"/>`,
  size =>
    Array.from(
      { length: Math.min(size, 30) },
      (_, n) =>
        `<mask id="m${n}"><rect width="99" height="99" fill="white" mask="url(#m${n + 1})"/></mask>`,
    ).join("") + '<rect width="99" height="99" mask="url(#m0)"/>',
  () => '<image width="99" height="99" xlink:href="file:///etc/passwd"/>',
  () => '<image width="99" height="99" xlink:href="http://127.0.0.1:9/x.png"/>',
  size =>
    `<image width="99" height="99" xlink:href="data:image/png;base64,${"A".repeat(size * 10_000)}"/>`,
  size =>
    `<image width="99" height="99" xlink:href="data:image/svg+xml;base64,${Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${size}000" height="${size}000"><rect width="100%" height="100%"/></svg>`,
    ).toString("base64")}"/>`,
  () =>
    "<style>@import url('file:///etc/passwd'); rect { fill: url(http://127.0.0.1/) }</style><rect width='9' height='9'/>",
  () =>
    "<foreignObject width='99' height='99'><body xmlns='http://www.w3.org/1999/xhtml'><script>1</script></body></foreignObject>",
  () => "<script>while (true) {}</script><rect width='9' height='9' onload='x()'/>",
  size => `<rect width="9" height="9" transform="${"rotate(1) ".repeat(size * 500)}"/>`,
  () => '<linearGradient id="g" xlink:href="#g"/><rect width="9" height="9" fill="url(#g)"/>',
  size =>
    `<marker id="k"><path d="M0 0L1 1" marker-mid="url(#k)"/></marker><path d="M0 0${" L1 1".repeat(size * 500)}" marker-mid="url(#k)"/>`,
];

const sizes = ["40", "512", "6300", "100000", "1e9", "-1", "NaN", "0", "100%", "1e-9"];

export function hostileSvg(random: Random): Buffer {
  const size = [1, 3, 10, 30, 100][random.int(5)];
  const body = parts[random.int(parts.length)](size, random);
  const side = () => (random.uniform() < 0.6 ? "512" : sizes[random.int(sizes.length)]);
  const heads = [
    "",
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE svg SYSTEM "file:///etc/passwd">',
    "\ufeff",
  ];
  const head = random.uniform() < 0.7 ? "" : heads[random.int(heads.length)];
  const viewBox = random.uniform() < 0.2 ? ` viewBox="0 0 ${side()} ${side()}"` : "";
  const text = `${head}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${side()}" height="${side()}"${viewBox}>${body}</svg>`;
  switch (random.int(12)) {
    case 0:
      return gzipSync(text);
    case 1:
      return Buffer.from(text.slice(0, random.int(text.length)));
    case 2:
      return Buffer.from(text, "utf16le");
    default:
      return Buffer.from(text);
  }
}
