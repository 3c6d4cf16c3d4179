import { modelsMeasureCommand } from "../../../src/cli/models-measure.command.js";

it("reads --samples under the name by which the measurement knows it", () => {
  const command = modelsMeasureCommand();
  command.parseOptions(["--samples", "3"]);
  expect(command.opts()).toMatchObject({ samples: 3, count: 200 });
});
