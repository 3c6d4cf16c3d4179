import { describe, expect, it, jest } from "@jest/globals";
import { ServedImages, type Variant } from "../../../src/plugin/served-images.js";

function imagesMadeBy(resize: (bytes: Uint8Array, variant: Variant) => Promise<Buffer>) {
  return new ServedImages({
    find: async () => null,
    blobs: {
      get: async () => Buffer.from("stored"),
    },
    resize,
  });
}

const small: Variant = { width: 64, format: "webp" };

describe("ServedImages", () => {
  it("renders a variant once, for concurrent and later requests", async () => {
    const resize = jest.fn(async () => Buffer.from("made"));
    const images = imagesMadeBy(resize);
    const asked = await Promise.all(Array.from({ length: 10 }, () => images.make("h", small)));
    asked.push(await images.make("h", small));
    expect(asked.every(bytes => bytes.toString() === "made")).toBe(true);
    expect(resize).toHaveBeenCalledTimes(1);
    await images.make("h", { ...small, width: 128 });
    expect(resize).toHaveBeenCalledTimes(2);
  });

  it("retries after a failure", async () => {
    const resize = jest
      .fn<() => Promise<Buffer>>()
      .mockRejectedValueOnce(new Error("no memory"))
      .mockResolvedValue(Buffer.from("made"));
    const images = imagesMadeBy(resize);
    await expect(images.make("h", small)).rejects.toThrow("no memory");
    expect((await images.make("h", small)).toString()).toBe("made");
  });
});
