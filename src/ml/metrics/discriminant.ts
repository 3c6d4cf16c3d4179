/**
 * @file Linear discriminant analysis: classifies by the class means, whitened by the covariance within classes.
 *
 * R. A. Fisher 1936; C. R. Rao 1948; with the covariance shrunk towards a sphere: J. H. Friedman, "Regularized
 * Discriminant Analysis", JASA 1989, eq. (18) with λ = 1. https://doi.org/10.1080/01621459.1989.10478752
 *
 * Notation
 * - scatter -> S_W, the covariance within classes, shrunk: (1 - γ) S + γ tr(S) / D I
 * - factor  -> L with S_W = L Lᵀ (Cholesky), so that L⁻¹ x has unit covariance within classes
 *
 * Shapes: N examples, D numbers each, K classes.
 */
import * as tf from "@tensorflow/tfjs";

export interface Examples {
  /** `[N, D]`. */
  rows: readonly Float32Array[];
  /** Class of each example, 0 … K - 1. */
  labels: readonly number[];
}

export class Discriminant {
  private constructor(
    private readonly mean: Float64Array,
    private readonly factor: Float64Array,
    /** Whitened class means, relative to the overall mean; `[K, D]`. */
    private readonly centers: readonly Float64Array[],
  ) {}

  /**
   * Fits to examples; the tfjs backend computes the covariance.
   *
   * @param shrinkage γ, above 0 up to 1.
   * @throws Error when a class has no example.
   */
  static async fit(
    { labels, rows }: Examples,
    numClasses: number,
    shrinkage: number,
  ): Promise<Discriminant> {
    const D = rows[0].length;
    const mean = meanOf(rows, D);
    const groups = Array.from({ length: numClasses }, () => [] as Float32Array[]);
    rows.forEach((row, n) => groups[labels[n]].push(row));
    const means = groups.map((group, k) => {
      if (group.length === 0) {
        throw new Error(`Discriminant.fit: expected examples of class ${k}, got none`);
      }
      return meanOf(group, D);
    });
    const scatter = await withinScatter(rows, labels, means);
    const sphere = (shrinkage * trace(scatter, D)) / D;
    const shrunk = Float64Array.from(
      scatter,
      (value, i) => (1 - shrinkage) * value + (i % (D + 1) === 0 ? sphere : 0),
    );
    const factor = cholesky(shrunk, D);
    const centers = means.map(center => solveLower(factor, difference(center, mean)));
    return new Discriminant(mean, factor, centers);
  }

  /** `-|L⁻¹ (x - μ_k)|²` for each class: its log-likelihood, up to a factor and a constant; `[D] -> [K]`. */
  logLikelihoods(row: Float32Array): number[] {
    const white = this.whitened(row);
    return this.centers.map(
      center => -center.reduce((sum, value, i) => sum + (value - white[i]) ** 2, 0),
    );
  }

  /** The cosine to the mean of each class, times the length of `L⁻¹ (x - mean)`; ranks classes with few examples better. */
  alignments(row: Float32Array): number[] {
    const white = this.whitened(row);
    return this.centers.map(center => dot(white, center) / Math.sqrt(dot(center, center)));
  }

  /** `L⁻¹ (x - mean)`. */
  private whitened(row: Float32Array): Float64Array {
    return solveLower(this.factor, difference(row, this.mean));
  }
}

/** The covariance of examples about the means of their classes; `[D, D]`. */
async function withinScatter(
  rows: readonly Float32Array[],
  labels: readonly number[],
  means: readonly Float64Array[],
): Promise<Float32Array> {
  const D = rows[0].length;
  const residuals = new Float32Array(rows.length * D);
  rows.forEach((row, n) => {
    const center = means[labels[n]];
    residuals.set(
      row.map((value, i) => value - center[i]),
      n * D,
    );
  });
  const scatter = tf.tidy(() => {
    const R = tf.tensor2d(residuals, [rows.length, D]);
    return tf.div(tf.matMul(R, R, true, false), rows.length);
  });
  try {
    return (await scatter.data()) as Float32Array; // of a float32 tensor
  } finally {
    scatter.dispose();
  }
}

/** The lower triangular L of `A = L Lᵀ`; `[D, D]`. @throws Error unless A is positive definite. */
export function cholesky(matrix: Float64Array, D: number): Float64Array {
  const L = new Float64Array(D * D);
  for (let i = 0; i < D; i++) {
    for (let j = 0; j <= i; j++) {
      let value = matrix[i * D + j];
      for (let k = 0; k < j; k++) {
        value -= L[i * D + k] * L[j * D + k];
      }
      if (i !== j) {
        L[i * D + j] = value / L[j * D + j];
      } else if (value > 0) {
        L[i * D + i] = Math.sqrt(value);
      } else {
        throw new Error(`cholesky: expected a positive definite matrix, got pivot ${value}`);
      }
    }
  }
  return L;
}

/** x of `L x = b`. */
export function solveLower(L: Float64Array, b: Float64Array): Float64Array {
  const D = b.length;
  const x = new Float64Array(D);
  for (let i = 0; i < D; i++) {
    let value = b[i];
    for (let k = 0; k < i; k++) {
      value -= L[i * D + k] * x[k];
    }
    x[i] = value / L[i * D + i];
  }
  return x;
}

function meanOf(rows: readonly ArrayLike<number>[], D: number): Float64Array {
  const sum = new Float64Array(D);
  for (const row of rows) {
    for (let i = 0; i < D; i++) {
      sum[i] += row[i] / rows.length;
    }
  }
  return sum;
}

function difference(a: ArrayLike<number>, b: Float64Array): Float64Array {
  return b.map((value, i) => a[i] - value);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function trace(matrix: Float32Array, D: number): number {
  return Array.from({ length: D }, (_, i) => matrix[i * D + i]).reduce((a, b) => a + b, 0);
}
