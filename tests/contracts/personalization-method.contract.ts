/** @file What every {@link PersonalizationMethod} must do. */
import type {
  ImageCondition,
  PersonalizationContext,
  PersonalizationMethod,
} from "../../src/recsys/images/personalization-method.js";

/** @param create A method and at least two contexts that it conditions differently. */
export function describePersonalizationMethod(
  name: string,
  create: () => Promise<{
    method: PersonalizationMethod;
    contexts: readonly PersonalizationContext[];
    close?: () => void;
  }>,
): void {
  describe(`${name} as a PersonalizationMethod`, () => {
    let made: Awaited<ReturnType<typeof create>>;

    beforeAll(async () => {
      made = await create();
    });

    afterAll(() => made.close?.());

    it("has an id", () => {
      expect(made.method.id).not.toBe("");
    });

    it("gives one condition for each context, the same ones each time", async () => {
      const { contexts, method } = made;
      const seeds = contexts.map((_, at) => at);
      const conditions = await method.condition(contexts, 2, seeds);
      expect(conditions).toHaveLength(contexts.length);
      expect(await method.condition(contexts, 2, seeds)).toEqual(conditions);
      expect(conditions[0]).not.toEqual(conditions[1]);
    });

    it("conditions a context in a batch as it does alone", async () => {
      const { contexts, method } = made;
      const batch = await method.condition(
        contexts,
        2,
        contexts.map((_, at) => at),
      );
      for (const [at, context] of contexts.entries()) {
        const [alone] = await method.condition([context], 2, [at]);
        expect(batch[at].prompt).toBe(alone.prompt);
        for (const [n, values] of numbersOf(batch[at]).entries()) {
          const own = numbersOf(alone)[n];
          expect(values).toHaveLength(own.length);
          values.forEach((value, d) => {
            expect(value).toBeCloseTo(own[d], 4);
          });
        }
      }
    });

    it.each([1, 3])("gives conditions for all of %i candidates, in finite numbers", async n => {
      const { contexts, method } = made;
      const [condition] = await method.condition(contexts.slice(0, 1), n, [7]);
      if ("conditions" in condition) {
        expect(condition.conditions).toHaveLength(n);
      }
      for (const values of numbersOf(condition)) {
        expect(values.length).toBeGreaterThan(0);
        expect(values.every(Number.isFinite)).toBe(true);
      }
    });
  });
}

function numbersOf(condition: ImageCondition): readonly Float32Array[] {
  return "conditions" in condition
    ? condition.conditions
    : condition.imageEmbedding
      ? [condition.imageEmbedding]
      : [];
}
