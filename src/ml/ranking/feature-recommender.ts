/** @file The common part of rankers that train on item features: creation, training and disposal. */
import { AppError } from "../../errors/app-error.js";
import type { ModelFiles } from "../nn/model-files.js";
import type { DenseKernels } from "./dense-kernels.js";
import { createOnnxKernels } from "./onnx-kernels.js";
import {
  assertRankingData,
  type FitOptions,
  type FitReport,
  type InductiveRecommender,
  type ItemFeatures,
  type RankingData,
  type Schedule,
} from "./recommender.js";
import { fitEpochs, type Trainee, trainingFingerprint } from "./training-loop.js";
import { type UserItemVectors, VectorRecommender } from "./vector-recommender.js";

/** A training, and the state that the model keeps of it. */
export type FeatureTraining<State> = Trainee & { readonly state: State };

export abstract class FeatureRecommender<
  Config extends Schedule,
  State extends UserItemVectors & { modalities: readonly { name: string }[] },
>
  extends VectorRecommender
  implements InductiveRecommender
{
  protected state: State | null = null;
  private kernels: DenseKernels | null = null;

  /** @param createKernels Creates the kernels of training. Default: ONNX Runtime. */
  constructor(
    readonly config: Config,
    private readonly createKernels: () => Promise<DenseKernels> = createOnnxKernels,
  ) {
    super();
  }

  /** Names of the modalities of its training. */
  get modalityNames(): readonly string[] {
    return this.trained.modalities.map(({ name }) => name);
  }

  protected abstract createTraining(
    data: RankingData,
    kernels: DenseKernels,
  ): Promise<FeatureTraining<State>>;

  abstract itemVectorOf(features: ItemFeatures): Float32Array;

  abstract toFiles(): ModelFiles;

  async fit(data: RankingData, options: FitOptions = {}): Promise<FitReport> {
    assertRankingData(`${this.algorithm}.fit`, data);
    if (!data.modalities?.length) {
      throw new AppError("EMBEDDINGS_MISSING", { model: this.algorithm });
    }
    const training = await this.createTraining(data, await this.openKernels());
    const schedule = { ...this.config, fingerprint: trainingFingerprint(this.config, data) };
    const report = await fitEpochs(training, data, schedule, options);
    this.state = training.state;
    return report;
  }

  dispose(): void {
    const { kernels } = this;
    this.state = null;
    this.kernels = null;
    void kernels?.dispose();
  }

  protected async openKernels(): Promise<DenseKernels> {
    return (this.kernels ??= await this.createKernels());
  }

  protected get trained(): State {
    if (!this.state) {
      throw new Error(`${this.algorithm}: expected a trained model; call fit or load first`);
    }
    return this.state;
  }
}
