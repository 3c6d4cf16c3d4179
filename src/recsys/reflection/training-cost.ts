/** @file What the training of a personalizer cost. */
import { z } from "zod";
import type { RenderCost } from "../images/render-meter.js";

/** A type and not an interface, so that it passes as JSON. */
export type TrainingCost = RenderCost & Readonly<{ seconds: number }>;

const metricsSchema = z.object({
  trainingSeconds: z.number(),
  cost: z.object({ images: z.number(), networkEvaluations: z.number() }),
});

/** Of a version's metrics; null for those of an older release, which did not count it. */
export function trainingCostOf(metrics: unknown): TrainingCost | null {
  const { data } = metricsSchema.safeParse(metrics);
  return data ? { ...data.cost, seconds: data.trainingSeconds } : null;
}
