/** @file Where the time of a training goes. */

/** Of this process; what was before an interruption is not in it. A type and not an interface, so that it passes as JSON. */
export type TrainingSpeed = Readonly<{
  numPairs: number;
  pairsPerSecond: number;
  /** Where the time went: waiting for pictures, gradient steps, looks at the validation users. */
  seconds: Readonly<{ images: number; gradients: number; validations: number }>;
}>;

export class StopWatch {
  numPairs = 0;
  private readonly startMs = performance.now();
  private readonly seconds = { images: 0, gradients: 0, validations: 0 };

  async timed<Result>(
    part: keyof TrainingSpeed["seconds"],
    run: () => Result | Promise<Result>,
  ): Promise<Result> {
    const startMs = performance.now();
    try {
      return await run();
    } finally {
      this.seconds[part] += (performance.now() - startMs) / 1_000;
    }
  }

  get speed(): TrainingSpeed {
    const total = (performance.now() - this.startMs) / 1_000;
    const { numPairs, seconds } = this;
    return { numPairs, pairsPerSecond: numPairs / total, seconds: { ...seconds } };
  }
}
