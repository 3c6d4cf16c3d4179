import {
  oneOf,
  positiveNumber,
  positiveNumbers,
  uuid,
  wholeNumber,
  wholeNumbers,
} from "../../../src/cli/option-values.js";

describe("wholeNumber()", () => {
  it.each([
    ["0", 0],
    ["7", 7],
    ["2147483647", 2_147_483_647],
  ])("reads %s", (text, value) => {
    expect(wholeNumber(text)).toBe(value);
  });

  it.each(["1.5", "abc", "-1", "1152921504606846976", "2147483648", "", " ", "1e3", "0x10", "NaN"])(
    "refuses '%s'",
    text => {
      expect(() => wholeNumber(text)).toThrow("must be a whole number of 0 .. 2147483647");
    },
  );
});

it("reads lists, and refuses one with an invalid value", () => {
  expect(wholeNumbers("1, 2,0")).toEqual([1, 2, 0]);
  expect(() => wholeNumbers("1,,2")).toThrow("whole number");
  expect(positiveNumbers("10,20")).toEqual([10, 20]);
  expect(() => positiveNumbers("10,0")).toThrow("1 or more");
  expect(() => positiveNumber("0")).toThrow("1 or more");
});

it("accepts one of the words, and lists them otherwise", () => {
  expect(oneOf(["a", "b"])("b")).toBe("b");
  expect(() => oneOf(["a", "b"])("c")).toThrow("must be one of a, b");
});

it("accepts a UUID in any case, and nothing else", () => {
  const id = "0f3c2a10-0000-4000-8000-ABCDEF012345";
  expect(uuid(id)).toBe(id.toLowerCase());
  for (const text of ["nope", "", id.slice(1), `${id}0`, id.replace("-", "")]) {
    expect(() => uuid(text)).toThrow("must be a UUID");
  }
});
