/**
 * @file Writes small ONNX models, so that ONNX Runtime can compute what the rankers need without a file from elsewhere.
 *
 * An ONNX model is a Protocol Buffers message; only the few fields a graph of matrices needs are here, with their
 * numbers from https://github.com/onnx/onnx/blob/v1.17.0/onnx/onnx.proto
 */

/** One operator: its name, what it reads, what it gives, its integer and float attributes. */
export interface OnnxNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Whole numbers. Default: none. */
  ints?: Readonly<Record<string, number>>;
  /** Lists of whole numbers. Default: none. */
  intLists?: Readonly<Record<string, readonly number[]>>;
}

/** A tensor that enters or leaves the graph; its dimensions are named, not fixed. */
export interface OnnxValue {
  name: string;
  /** Default: `float32`. */
  type?: keyof typeof elementType;
  dimensions: readonly string[];
}

const elementType = { float32: 1, int32: 6, int64: 7, float64: 11 } as const;
const IR_VERSION = 8;
/** Operator set 17 has all that is used here, with one meaning. */
const OPSET_VERSION = 17;

/** The bytes of a model of one graph. */
export function onnxModel(
  nodes: readonly OnnxNode[],
  inputs: readonly OnnxValue[],
  outputs: readonly OnnxValue[],
): Uint8Array {
  const graph = [
    ...nodes.flatMap(node => message(1, nodeProto(node))),
    ...text(2, "graph"),
    ...inputs.flatMap(value => message(11, valueInfo(value))),
    ...outputs.flatMap(value => message(12, valueInfo(value))),
  ];
  return Uint8Array.from([
    ...integer(1, IR_VERSION),
    ...message(7, graph),
    ...message(8, [...text(1, ""), ...integer(2, OPSET_VERSION)]),
  ]);
}

/**
 * The model's bytes with float outputs of these names added, which are values inside its graph.
 *
 * Concatenated protobuf messages of one type merge, joining their lists
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins). So an appended model that has only a graph with
 * those outputs declares them, without parsing.
 */
export function withInnerOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const type = message(2, message(1, integer(1, elementType.float32)));
  const additions = names.map(name => message(7, message(12, [...text(1, name), ...type])));
  return Buffer.concat([model, Uint8Array.from(additions.flat())]);
}

function nodeProto({ op, inputs, outputs, ints = {}, intLists = {} }: OnnxNode): number[] {
  return [
    ...inputs.flatMap(name => text(1, name)),
    ...outputs.flatMap(name => text(2, name)),
    ...text(4, op),
    ...Object.entries(ints).flatMap(([name, value]) =>
      message(5, [...text(1, name), ...integer(3, value), ...integer(20, 2)]),
    ),
    ...Object.entries(intLists).flatMap(([name, values]) =>
      message(5, [
        ...text(1, name),
        ...values.flatMap(value => integer(8, value)),
        ...integer(20, 7),
      ]),
    ),
  ];
}

function valueInfo({ name, type = "float32", dimensions }: OnnxValue): number[] {
  const shape = dimensions.flatMap(dimension => message(1, text(2, dimension)));
  const tensorType = [...integer(1, elementType[type]), ...message(2, shape)];
  return [...text(1, name), ...message(2, message(1, tensorType))];
}

// Protocol Buffers: a field is its number and wire type (0 varint, 2 bytes), then the value.

function integer(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

function text(field: number, value: string): number[] {
  return message(field, [...Buffer.from(value, "utf8")]);
}

function message(field: number, bytes: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
