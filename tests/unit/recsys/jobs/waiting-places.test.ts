import { describe, expect, it } from "@jest/globals";
import { type Waiting, WaitingPlaces } from "../../../../src/recsys/jobs/waiting-places.js";

const anna: Waiting = { kind: "SHOPPER", name: "anna" };
const ben: Waiting = { kind: "SHOPPER", name: "ben" };
const shop: Waiting = { kind: "KEY", name: "anna" }; // the same name, but not the same caller

describe("places to wait", () => {
  const places = () => new WaitingPlaces({ ofProcess: 5, ofKey: 3, ofShopper: 2 });
  const full = (max: number): Error =>
    expect.objectContaining({ code: "TOO_MANY_WAITING", details: { max } }) as never;

  it("limits each shopper and each key apart", () => {
    const own = places();
    own.take(anna);
    own.take(anna);
    expect(() => own.take(anna)).toThrow(full(2));
    own.take(ben);
    own.take(shop);
    own.take(shop);
  });

  it("limits the process, whoever waits", () => {
    const own = places();
    own.take();
    [ben, ben, shop, shop].forEach(waiting => own.take(waiting));
    expect(() => own.take(anna)).toThrow(full(5));
    expect(() => own.take()).toThrow(full(5));
  });

  it("limits a key by its own number", () => {
    const own = places();
    [shop, shop, shop].forEach(waiting => own.take(waiting));
    expect(() => own.take(shop)).toThrow(full(3));
  });

  it("gives a place back once, however often it is returned", () => {
    const own = places();
    const leave = own.take(anna);
    own.take(anna);
    leave();
    leave();
    own.take(anna);
    expect(() => own.take(anna)).toThrow(full(2));
  });
});
