import { fromFloat16, toFloat16 } from "../../../../src/ml/runtime/float16.js";
import { roundHalfEven } from "../../../../src/ml/runtime/rounding.js";

describe("toFloat16()", () => {
  // Words from IEEE 754-2008, 3.6 (binary16: 1 sign, 5 exponent, 10 fraction bits).
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65520, 0x7c00],
    [Infinity, 0x7c00],
    [2 ** -24, 0x0001],
    [2 ** -14, 0x0400],
    [1 / 3, 0x3555],
    [1 + 2 ** -11, 0x3c00], // a tie: to the even neighbour
    [1 + 3 * 2 ** -11, 0x3c02],
    [NaN, 0x7e00],
  ])("of %d", (value, word) => {
    expect(toFloat16([value])[0]).toBe(word);
  });

  it("keeps every half unchanged", () => {
    const finite = Uint16Array.from({ length: 0x7c00 }, (_, word) => word);
    expect(toFloat16(fromFloat16(finite))).toEqual(finite);
  });
});

describe("roundHalfEven()", () => {
  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [2.51, 3],
    [-0.4, 0],
  ])("of %d is %d", (value, expected) => {
    expect(roundHalfEven(value) + 0).toBe(expected);
  });
});
