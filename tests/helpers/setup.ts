/** @file Runs before every test file: the matchers that all may use. Nothing heavy belongs here. */
import { expect } from "@jest/globals";
import { toBeAllclose } from "./allclose.js";

expect.extend({ toBeAllclose }); // its type knows only its own `this`
