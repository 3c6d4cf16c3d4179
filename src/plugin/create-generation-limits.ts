/** @file What generations may ask for and cost: the pack's defaults, the price of a picture, and the budgets of those who ask. */
import type { Pool } from "pg";
import type { Config } from "../config/config.js";
import { BudgetsRepository } from "../db/budgets.repository.js";
import type { JobsRepository } from "../db/jobs.repository.js";
import { evaluationsOfImage } from "../ml/diffusion/drawing-cost.js";
import { GenerationBudget } from "../recsys/images/generation-budget.js";
import { generationDefaults, type GenerationOptions } from "../recsys/images/generation-options.js";
import type { Models } from "./create-models.js";

interface Parts {
  pool: Pool;
  jobs: JobsRepository;
  budget: Config["budget"];
  pipelineConfig: Models["pipelineConfig"];
}

export function createGenerationLimits({ budget, jobs, pipelineConfig, pool }: Parts) {
  return {
    budget: new GenerationBudget({
      accounts: new BudgetsRepository(pool),
      jobs,
      limits: budget,
    }),
    /** @throws AppError `INVALID_ARGUMENT` when the pack cannot draw so */
    evaluationsOf: (options: GenerationOptions) =>
      options.numCandidates * evaluationsOfImage(pipelineConfig, options),
    defaults: generationDefaults(pipelineConfig),
  };
}
