import { likeliestToken, sampledToken } from "../../../../src/ml/language/sampling.js";
import { Random } from "../../../../src/ml/nn/random.js";

/** ln of 0.5, 0.3, 0.15, 0.05, in another order. */
const logits = [0.15, 0.5, 0.05, 0.3].map(Math.log);

function shares(options: { temperature?: number; topP?: number }, numDraws = 20_000): number[] {
  const random = new Random(4);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < numDraws; i++) {
    counts[sampledToken(logits, options, random)]++;
  }
  return counts.map(count => count / numDraws);
}

describe("sampledToken()", () => {
  it("samples in proportion to the probabilities", () => {
    // Three standard errors: 3 sqrt(0.25 / 20,000) = 0.011.
    expect(shares({ temperature: 1 })).toBeAllclose([0.15, 0.5, 0.05, 0.3], {
      atol: 0.011,
      rtol: 0,
    });
  });

  it("samples only from the nucleus: the fewest tokens with total probability top-p", () => {
    // 0.5 < 0.75 <= 0.5 + 0.3: two tokens, 5/8 and 3/8.
    expect(shares({ temperature: 1, topP: 0.75 })).toBeAllclose([0, 0.625, 0, 0.375], {
      atol: 0.011,
      rtol: 0,
    });
  });

  it("sharpens below a temperature of 1: p² at one half", () => {
    const squares = [0.0225, 0.25, 0.0025, 0.09].map(square => square / 0.365);
    expect(shares({ temperature: 0.5 })).toBeAllclose(squares, { atol: 0.011, rtol: 0 });
  });

  it("is greedy at temperature 0", () => {
    expect(shares({}, 10)).toEqual([0, 1, 0, 0]);
    expect(sampledToken([-1e30, 800, 799], { temperature: 0.01 }, new Random(1))).toBe(1);
  });

  it.each([{ temperature: -1 }, { temperature: NaN }, { topP: 0 }, { topP: 1.1 }])(
    "refuses %j",
    options => {
      expect(() => sampledToken(logits, options, new Random(1))).toThrow("expected temperature");
    },
  );
});

describe("likeliestToken()", () => {
  it("is the first of equals", () => {
    expect(likeliestToken([1, 3, 3])).toBe(1);
  });
});
