import { modelsMeasureCommand } from "../../../src/cli/models-measure.command.js";

it("passes --samples to the measurement as numSamples", () => {
  const command = modelsMeasureCommand();
  command.parseOptions(["--samples", "3"]);
  expect(command.opts()).toMatchObject({ samples: 3, count: 200 });
});
