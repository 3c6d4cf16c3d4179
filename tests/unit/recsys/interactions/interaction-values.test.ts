import {
  MAX_WEIGHT,
  parseKind,
  parseTime,
  parseWeight,
} from "../../../../src/recsys/interactions/interaction-values.js";

const now = new Date("2026-06-15T12:00:00Z");
const time = (given: unknown) => parseTime(given, now).toISOString();

describe("parseTime()", () => {
  it.each([
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["2024-2-9", "2024-02-09T00:00:00.000Z"],
    ["2024/02/29 23:59", "2024-02-29T23:59:00.000Z"],
    ["20240229", "2024-02-29T00:00:00.000Z"],
    ["20240229T0102", "2024-02-29T01:02:00.000Z"],
    ["20240229T010203Z", "2024-02-29T01:02:03.000Z"],
    ["20240229010203", "2024-02-29T01:02:03.000Z"],
    ["2024-02-29T01:02:03.4567+05:30", "2024-02-28T19:32:03.456Z"],
    ["2024-02-29 01:02:03 -0930", "2024-02-29T10:32:03.000Z"],
    ["2024-02-29 01:02:03,5 utc", "2024-02-29T01:02:03.500Z"],
    ["2024-02-29 12:05 am", "2024-02-29T00:05:00.000Z"],
    ["2024-02-29 12:05 PM", "2024-02-29T12:05:00.000Z"],
    [" 1709168523 ", "2024-02-29T01:02:03.000Z"],
    [1709168523, "2024-02-29T01:02:03.000Z"],
    ["1709168523.25", "2024-02-29T01:02:03.250Z"],
    ["1709168523456", "2024-02-29T01:02:03.456Z"],
    ["1709168523456789", "2024-02-29T01:02:03.456Z"],
    ["1709168523456789012", "2024-02-29T01:02:03.456Z"],
    [1709168523456789n, "2024-02-29T01:02:03.456Z"],
    [new Date("2024-02-29T01:02:03Z"), "2024-02-29T01:02:03.000Z"],
    ["1970-01-01", "1970-01-01T00:00:00.000Z"],
    ["2026-06-15T12:04:59Z", "2026-06-15T12:04:59.000Z"], // a clock that runs ahead
  ])("reads %p", (given, expected) => {
    expect(time(given)).toBe(expected);
  });

  it.each([
    ["2023-02-29", "exist"],
    ["1900-02-29", "exist"],
    ["2024-04-31", "exist"],
    ["2024-00-10", "exist"],
    ["2024-01-00", "exist"],
    ["20241301", "exist"],
    ["2024-01-01T24:00:00Z", "exist"],
    ["2024-01-01T10:60", "exist"],
    ["2024-01-01 13:00 PM", "exist"],
    ["2024-01-01 0:30 AM", "exist"],
    ["2024-01-01T10:00:00+15:00", "exist"],
    ["0000-01-01", "before 1970"],
    ["0001-01-01T00:00:00Z", "before 1970"],
    ["1969-12-31T23:59:59Z", "before 1970"],
    ["1970-01-01T00:00:00+01:00", "before 1970"],
    [-1, "before 1970"],
    ["2026-06-15T12:05:01Z", "future"],
    ["9999-12-31", "future"],
    ["99999999999", "future"],
    ["", "must be a time"],
    ["  ", "must be a time"],
    ["0", "means none"],
    [0, "means none"],
    [null, "must be a time"],
    [undefined, "must be a time"],
    [true, "must be a time"],
    [{}, "must be a time"],
    [NaN, "must be a time"],
    [new Date(NaN), "must be a time"],
    ["01/02/2024", "must be a time"],
    ["2024-W01", "must be a time"],
    ["2024-01-01T10", "must be a time"],
    ["+012024-01-01", "must be a time"],
    ["2024-01-01 10:00 EST", "must be a time"],
    ["1e9", "must be a time"],
  ])("refuses %p", (given, reason) => {
    expect(() => time(given)).toThrow(reason);
  });

  it("agrees with Date on every day of leap and other years", () => {
    for (const year of [1970, 2000, 2023, 2024]) {
      for (let month = 1; month <= 12; month++) {
        for (let day = 1; day <= 31; day++) {
          const text = [year, String(month).padStart(2, "0"), String(day).padStart(2, "0")].join(
            "-",
          );
          const date = new Date(`${text}T00:00:00Z`);
          const isReal = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
          if (isReal) {
            expect(time(text)).toBe(date.toISOString());
          } else {
            expect(() => time(text)).toThrow("exist");
          }
        }
      }
    }
  });
});

describe("parseKind()", () => {
  it.each([
    ["Add to Cart", "CART"],
    ["ADD-TO_CART", "CART"],
    [" page_view ", "VIEW"],
    ["detail-page-view", "VIEW"],
    ["Favourite", "LIKE"],
    ["PURCHASE", "PURCHASE"],
  ])("reads %p as %s", (given, kind) => {
    expect(parseKind(given)).toBe(kind);
  });

  it.each(["", "refund", "constructor", "__proto__", null, 1])("refuses %p", given => {
    expect(() => parseKind(given)).toThrow(
      "must be one of view, click, like, cart, purchase, rating, or a synonym of one",
    );
  });
});

describe("parseWeight()", () => {
  it.each([
    ["4.5", 4.5],
    [" .5 ", 0.5],
    ["1e-60", 0],
    [1e-60, 0],
    ["1E3", 1_000],
    [0.1, Math.fround(0.1)],
    [MAX_WEIGHT, MAX_WEIGHT],
  ])("reads %p as %p", (given, weight) => {
    expect(parseWeight(given)).toBe(weight);
  });

  it.each([
    "1e39",
    1e39,
    -1,
    "-0.1",
    "",
    "x",
    "0x10",
    "4,5",
    NaN,
    Infinity,
    "Infinity",
    null,
    true,
  ])("refuses %p", given => {
    expect(() => parseWeight(given)).toThrow("must be a number from 0 to 3.4e38");
  });
});
