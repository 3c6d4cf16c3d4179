/** What the benchmarks of the rankers measure with. */
import { Random } from "../../dist/ml/nn/random.js";
import { matrix } from "../../dist/ml/nn/matrix.js";

const MATMUL_SIZE = 1024;
const operand = matrix([MATMUL_SIZE, MATMUL_SIZE], new Random(2).normals(MATMUL_SIZE ** 2));

/** GFLOP/s of a plain matrix product on the same kernels, the best of some: what a busy machine gives at the moment. */
export async function matMulRate(kernels, runs = 4) {
  let bestMs = Infinity;
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    await kernels.matMul(operand, operand);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return (2 * MATMUL_SIZE ** 3) / bestMs / 1e6;
}

/** CPU milliseconds of this process since `before` (`process.cpuUsage()`), all threads. */
export function cpuMs(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

/** p of the power law `y = c x^p` through the points, by least squares of logarithms. */
export function growthExponent(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = at => logs.reduce((sum, pair) => sum + pair[at], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return covariance / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

export const rounded = (value, digits = 3) => Number(value.toFixed(digits));
