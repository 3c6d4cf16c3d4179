import { evaluationsOfImage } from "../../../../src/ml/diffusion/drawing-cost.js";
import { scheduleConfigSchema } from "../../../../src/ml/diffusion/schedule-config.js";

const pack = (fields: object = {}) => ({ schedule: scheduleConfigSchema.parse(fields) });

describe("evaluationsOfImage()", () => {
  it.each([
    ["all steps from noise", { strength: 1, numSteps: 12, guidanceScale: 1 }, 12],
    ["twice as many with guidance", { strength: 1, numSteps: 12, guidanceScale: 3 }, 24],
    ["the last half of the schedule", { strength: 0.5, numSteps: 12, guidanceScale: 1 }, 6],
    ["rounded down", { strength: 0.5, numSteps: 3, guidanceScale: 2 }, 2],
  ])("counts %s", (_, knobs, expected) => {
    expect(evaluationsOfImage(pack(), knobs)).toBe(expected);
  });

  const invalid = (argument: string) =>
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      details: expect.objectContaining({ argument }) as unknown,
    }) as Error;

  it("refuses a strength that leaves no step", () => {
    const knobs = { strength: 0.1, numSteps: 2, guidanceScale: 1 };
    expect(() => evaluationsOfImage(pack(), knobs)).toThrow(invalid("strength"));
  });

  it.each([
    ["the schedule has", { num_train_timesteps: 10 }, 11],
    ["the model was distilled on", { _class_name: "LCMScheduler", original_inference_steps: 8 }, 9],
  ])("refuses more steps than %s", (_, fields, numSteps) => {
    const knobs = { strength: 1, guidanceScale: 1 };
    expect(evaluationsOfImage(pack(fields), { ...knobs, numSteps: numSteps - 1 })).toBe(
      numSteps - 1,
    );
    expect(() => evaluationsOfImage(pack(fields), { ...knobs, numSteps })).toThrow(
      invalid("numSteps"),
    );
  });
});
