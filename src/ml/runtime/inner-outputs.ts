/**
 * @file Adds inner values of an ONNX model to its outputs.
 *
 * Concatenated protobuf messages of one type merge, joining their lists
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins). So appending a `ModelProto` with nothing but a
 * graph with those outputs declares them, without parsing the model.
 */

/** Field numbers of onnx.proto: `ModelProto.graph`, `GraphProto.output`, `ValueInfoProto.name` and `.type`, … */
const FIELD = { graph: 7, output: 12, name: 1, type: 2, tensorType: 1, elementType: 1 };
const LENGTH_DELIMITED = 2;
const FLOAT = 1;
/** Longer lengths take more than one byte. */
const MAX_LENGTH = 127;

/**
 * The model's bytes with float outputs of these names added.
 *
 * @param names Names of values inside the graph, at most about a hundred characters long.
 */
export function withInnerOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const type = field(FIELD.type, field(FIELD.tensorType, Buffer.of(FIELD.elementType << 3, FLOAT)));
  const additions = names.map(name => {
    const value = Buffer.concat([field(FIELD.name, Buffer.from(name)), type]);
    return field(FIELD.graph, field(FIELD.output, value));
  });
  return Buffer.concat([model, ...additions]);
}

function field(number: number, payload: Buffer): Buffer {
  if (payload.length > MAX_LENGTH) {
    throw new Error(
      `withInnerOutputs: expected at most ${MAX_LENGTH} bytes, got ${payload.length}`,
    );
  }
  return Buffer.concat([Buffer.of((number << 3) | LENGTH_DELIMITED, payload.length), payload]);
}
