/**
 * @file The condition of the denoiser: a row of tokens.
 *
 * Shapes: B texts, T tokens, D width of the U-Net's cross-attention.
 */

/** `[T, D]`, row by row. */
export interface Conditioning {
  tokens: Float32Array;
  numTokens: number;
  dimension: number;
}

/** `[T1, D], [T2, D], … -> [T1 + T2 + …, D]`: text, then image tokens. */
export function concatConditioning(parts: readonly Conditioning[]): Conditioning {
  const [{ dimension }] = parts;
  const numTokens = parts.reduce((sum, part) => sum + part.numTokens, 0);
  const tokens = new Float32Array(numTokens * dimension);
  let offset = 0;
  for (const part of parts) {
    if (part.dimension !== dimension) {
      throw new Error(
        `concatConditioning: expected tokens of width ${dimension}, got ${part.dimension}`,
      );
    }
    tokens.set(part.tokens, offset);
    offset += part.tokens.length;
  }
  return { tokens, numTokens, dimension };
}

/** Neutral tokens for the unconditional pass; `[T, D]` of zeros. */
export function zeroConditioning(numTokens: number, dimension: number): Conditioning {
  return { tokens: new Float32Array(numTokens * dimension), numTokens, dimension };
}
