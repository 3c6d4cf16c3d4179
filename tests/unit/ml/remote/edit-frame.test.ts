import {
  fittingFrame,
  frameAmong,
  framedImage,
  framedMask,
  hasShapeOf,
  unframed,
} from "../../../../src/ml/remote/edit-frame.js";
import { HEIGHT, mask, picture, pixelAt, WIDTH } from "./remote-pictures.js";

const size = (widthPixels: number, heightPixels: number) => ({ widthPixels, heightPixels });
const openAi = [size(1024, 1024), size(1536, 1024), size(1024, 1536)];

describe("the frame of an edited image", () => {
  it.each([
    [size(1000, 1000), [1024, 1024]],
    [size(1500, 1000), [1536, 1024]],
    [size(3000, 4000), [1024, 1536]],
    [size(5000, 1000), [1536, 1024]], // a panorama
    [size(60, 60), [1024, 1024]], // a thumbnail
  ])("is the size in which the image %j covers most", (image, expected) => {
    const frame = frameAmong(image, openAi);
    expect([frame.widthPixels, frame.heightPixels]).toEqual(expected);
    const shape = image.widthPixels / image.heightPixels;
    expect(frame.inner.widthPixels / frame.inner.heightPixels).toBeCloseTo(shape, 1); // undistorted
  });

  it.each([
    [size(1000, 1000), [1024, 1024]],
    [size(4000, 3000), [1024, 768]],
    [size(5000, 1000), [1024, 256]],
    [size(40, 4000), [256, 1024]],
  ])("fits any image %j in multiples of 16", (image, expected) => {
    const { heightPixels, widthPixels } = fittingFrame(image);
    expect([widthPixels, heightPixels]).toEqual(expected);
  });

  it("gives the image back as it was", () => {
    const frame = frameAmong(picture, [size(WIDTH, WIDTH)]);
    const sent = framedImage(picture, frame);
    expect(unframed(sent, frame, picture)).toEqual(picture);
    const twice = frameAmong(size(WIDTH, WIDTH), [size(2 * WIDTH, 2 * WIDTH)]);
    const larger = framedImage(sent, twice);
    const back = unframed(larger, frame, picture); // the server enlarged it
    const differences = back.pixels.map((value, i) => Math.abs(value - picture.pixels[i]));
    expect(differences.reduce((sum, value) => sum + value) / differences.length).toBeLessThan(4);
  });

  it("repeats the edge outwards, and lets all of it change", () => {
    const frame = frameAmong(picture, [size(WIDTH, WIDTH)]);
    expect(frame).toMatchObject({ left: 0, top: 10 });
    const sent = framedImage(picture, frame);
    expect(pixelAt(sent, 7, 0)).toEqual(pixelAt(picture, 7, 0));
    expect(pixelAt(sent, 7, WIDTH - 1)).toEqual(pixelAt(picture, 7, HEIGHT - 1));
    const { pixels } = framedMask(mask, frame);
    const at = (x: number, y: number) => [...pixels.subarray(4 * (y * WIDTH + x)).subarray(0, 4)];
    expect(at(30, 30)).toEqual([0, 0, 0, 255]); // kept: opaque, black
    expect(at(30, 5)).toEqual([255, 255, 255, 0]); // may change: transparent, white
    expect(at(0, 30)).toEqual([255, 255, 255, 0]);
  });

  it("takes answers of another scale, but not of another shape", () => {
    const frame = frameAmong(size(1000, 1000), openAi);
    expect(hasShapeOf(size(512, 512), frame)).toBe(true);
    expect(hasShapeOf(size(1024, 1008), frame)).toBe(true);
    expect(hasShapeOf(size(1024, 900), frame)).toBe(false);
  });
});
