/**
 * @file Matrices that are used again: what one step of a training needs is as large in the next, and memory that is given
 * back and asked for anew costs more than the loops that fill it.
 */
import { type Matrix, matrix } from "./matrix.js";

/** Matrices by name. Each is its taker's until it is taken again, so what outlives a step must not come from here. */
export class Workspace {
  private readonly kept = new Map<string, Matrix>();

  /** A matrix with whatever it held before, to be overwritten whole. */
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
