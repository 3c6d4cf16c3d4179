/**
 * @file Reusable matrices: every training step needs the same sizes, and allocating them again costs more than the loops
 * that fill them.
 */
import { type Matrix, matrix } from "./matrix.js";

/** Matrices by name, each valid until its name is requested again: results that outlive a step must not come from here. */
export class Workspace {
  private readonly kept = new Map<string, Matrix>();

  /** A matrix with arbitrary content, to be overwritten completely. */
  matrix(name: string, shape: Matrix["shape"]): Matrix {
    let kept = this.kept.get(name);
    if (kept?.shape[0] !== shape[0] || kept.shape[1] !== shape[1]) {
      kept = matrix(shape);
      this.kept.set(name, kept);
    }
    return kept;
  }

  /** A matrix of zeros. */
  zeros(name: string, shape: Matrix["shape"]): Matrix {
    const result = this.matrix(name, shape);
    result.values.fill(0);
    return result;
  }
}
