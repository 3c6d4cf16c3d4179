/** @file Runs before every test file: the shared matchers. Keep it light. */
import { expect } from "@jest/globals";
import { toBeAllclose } from "./allclose.js";

expect.extend({ toBeAllclose }); // its type knows only its own `this`
