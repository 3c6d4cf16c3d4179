import { createConstantGenerator } from "../../../docs/examples/constant-generator.js";
import { describeImageGenerator } from "../../contracts/image-generator.contract.js";

describeImageGenerator(
  "the example of docs/extending.md",
  async () => ({ generator: createConstantGenerator() }),
  { prompt: "a lamp", seed: 1, numImages: 1 },
);

it("draws the grey that was asked for", async () => {
  const [image] = await createConstantGenerator(7, 2).generate({
    prompt: "",
    seed: 1,
    numImages: 1,
  });
  expect(image).toEqual({ widthPixels: 2, heightPixels: 2, pixels: new Uint8Array(12).fill(7) });
});
