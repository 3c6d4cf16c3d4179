/**
 * @file Jest's node environment in which `Float32Array` is `Float64Array`: the code under test then computes in 64 bits, and
 * central differences are good to eight digits instead of three.
 *
 * A test of an explicit gradient starts with `@jest-environment ./tests/helpers/float64-environment.js`.
 */
import { TestEnvironment } from "jest-environment-node";

export default class Float64Environment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.global.Float32Array = this.global.Float64Array;
  }
}
