import { parseAvailability } from "../../../../src/recsys/import/availability.js";
import {
  cutText,
  imageList,
  plainText,
  wordList,
} from "../../../../src/recsys/import/text-values.js";

describe("cutText()", () => {
  const family = "👨‍👩‍👧‍👦"; // 11 UTF-16 units, one character
  const accented = "e\u0301";

  it("leaves a text that fits", () => {
    expect(cutText(family, 11)).toBe(family);
  });

  it.each([
    [`ab${family}`, 12, "ab"],
    [`ab${family}c`, 13, `ab${family}`],
    [`a${accented}`, 2, "a"],
    ["a😀", 2, "a"],
    ["नि", 1, "नि".slice(0, 1)], // no shorter text is whole: it ends between code points
    ["one two", 4, "one"],
  ])("cuts %p to %i units between characters", (text, max, expected) => {
    expect(cutText(text, max)).toBe(expected);
  });

  it("never leaves half a surrogate pair, wherever it cuts", () => {
    const text = `x${"😀".repeat(100)}${family.repeat(40)}`;
    for (let max = 1; max < text.length; max++) {
      const cut = cutText(text, max);
      expect(/\p{Surrogate}/u.test(cut)).toBe(false);
      expect(cut.length).toBeLessThanOrEqual(max);
      expect(cut.length).toBeGreaterThan(max - 12);
    }
  });

  it("cuts an endless grapheme between its code points", () => {
    const marks = `e${"\u0301".repeat(300)}`;
    expect(cutText(marks, 100)).toBe(marks.slice(0, 100));
    expect(cutText("😀\u200d".repeat(200), 100)).not.toMatch(/\p{Surrogate}/u);
  });
});

describe("plainText()", () => {
  it.each([
    ["<p>Grey &amp; black</p>", "Grey & black"],
    ["<p>One</p><ul><li>two</li><li>three</li></ul>", "One\ntwo\nthree"],
    ["a<br/>b<BR>c", "a\nb\nc"],
    ["<style>p{color:red}</style><b>x</b><script>alert(1)</script>", "x"],
    ["Fish &#38; chips &eacute;", "Fish & chips é"],
    ["<p>two   spaces\n\n here</p>", "two spaces\nhere"],
  ])("strips the markup of %p", (html, text) => {
    expect(plainText(html)).toBe(text);
  });

  it.each([
    "5 < 6 and 7 > 6",
    "I <3 it",
    'Screen 24" wide',
    "AT&T",
    "a <y> b",
    "two  spaces\n\nstay",
  ])("keeps %p", text => {
    expect(plainText(text)).toBe(text);
  });
});

describe("lists in one cell", () => {
  it.each([
    ["a|b, c|a", ["a", "b, c"]],
    ["red; blue", ["red", "blue"]],
    ["women, casual,", ["women", "casual"]],
    ["one", ["one"]],
    ["", []],
  ])("splits the keywords %p", (cell, words) => {
    expect(wordList(cell)).toEqual(words);
  });

  it.each([
    ["https://a.example/1.jpg, https://a.example/2.jpg", 2],
    ["https://a.example/1.jpg|//a.example/2.jpg", 2],
    ["https://a.example/1.jpg https://a.example/2.jpg", 2],
    ["https://a.example/x,y;z.jpg?a=1,2", 1],
    ["http://a.example/ok file.jpg", 1],
    ["a.jpg,b.png", 2],
    ["red, small.jpg", 1], // only one of them is the name of an image
    ["data:image/png;base64,AA==", 1],
  ])("finds the images of %p", (cell, count) => {
    expect(imageList(cell)).toHaveLength(count);
  });
});

describe("parseAvailability()", () => {
  it.each([
    ["https://schema.org/InStock", true],
    ["http://schema.org/OutOfStock", false],
    ["In-Stock", true],
    ["sold out", false],
    [3, true],
    ["-2", false],
    ["5.0", true],
    ["0.0", false],
    [true, true],
    ["", null],
    [null, null],
  ])("reads %p as %p", (given, expected) => {
    expect(parseAvailability(given)).toBe(expected);
  });

  it.each(["maybe", "constructor", {}, []])("refuses %p with the valid words", given => {
    expect(() => parseAvailability(given)).toThrow(/in stock.*out of stock/);
  });
});
