/** @file Counts what a generator draws, so that a training can say what it cost. */
import type {
  GenerateOptions,
  GenerateRequest,
  ImageGenerator,
} from "../../ml/diffusion/image-generator.js";

/** A type and not an interface, so that it passes as JSON. */
export type RenderCost = Readonly<{
  /** Images that the generator drew; those found in a cache are not among them. */
  images: number;
  /** Evaluations of its denoising network for them; 0 where it has none. */
  networkEvaluations: number;
}>;

export class RenderMeter implements ImageGenerator {
  private images = 0;
  private networkEvaluations = 0;

  /** @param evaluationsOf of one image of a request. */
  constructor(
    private readonly generator: ImageGenerator,
    private readonly evaluationsOf: (request: GenerateRequest) => number,
  ) {}

  get version(): string {
    return this.generator.version;
  }

  /** Since this process began. */
  get cost(): RenderCost {
    const { images, networkEvaluations } = this;
    return { images, networkEvaluations };
  }

  async generate(request: GenerateRequest, options?: GenerateOptions) {
    const made = await this.generator.generate(request, options);
    this.images += made.length;
    this.networkEvaluations += made.length * this.evaluationsOf(request);
    return made;
  }
}

/** What was drawn between two looks at a meter. */
export function costBetween(before: RenderCost, after: RenderCost): RenderCost {
  return {
    images: after.images - before.images,
    networkEvaluations: after.networkEvaluations - before.networkEvaluations,
  };
}
