/**
 * @file CLIP's tokenizer: lower-cased byte-level BPE between a start and an end token.
 *
 * A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, section 2.4.
 * https://arxiv.org/abs/2103.00020
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PreTrainedTokenizer } from "@huggingface/transformers";
import { z } from "zod";
import { type ModelPack } from "../runtime/model-pack.js";

const tokenSchema = z.union([
  z.string(),
  z.object({ content: z.string() }).transform(t => t.content),
]);

const tokenizerConfigSchema = z.looseObject({
  model_max_length: z.number().positive().optional(),
  bos_token: tokenSchema.default("<|startoftext|>"),
  eos_token: tokenSchema.default("<|endoftext|>"),
  unk_token: tokenSchema.default("<|endoftext|>"),
  pad_token: tokenSchema.optional(),
});

type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

export class ClipTokenizer {
  private constructor(
    private readonly tokenizer: PreTrainedTokenizer,
    /** The tokenizer's maximum sequence length; undefined where its file does not say. */
    readonly maxLength: number | undefined,
  ) {}

  /**
   * Reads a folder of the pack: `tokenizer.json`, or the older `vocab.json` and `merges.txt` of SD-1.5 exports.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`.
   */
  static async load(pack: ModelPack, folder: string): Promise<ClipTokenizer> {
    const config = await pack.readJson(`${folder}/tokenizer_config.json`, tokenizerConfigSchema);
    const json = existsSync(join(pack.dir, folder, "tokenizer.json"))
      ? await pack.readJson(`${folder}/tokenizer.json`, z.looseObject({}))
      : await fromVocabulary(pack, folder, config);
    const tokenizer = new PreTrainedTokenizer(json, config);
    const { model_max_length: length } = config;
    // Hugging Face writes 1e30 for "unknown".
    return new ClipTokenizer(tokenizer, length !== undefined && length < 1e6 ? length : undefined);
  }

  /**
   * Token ids of every text, truncated and padded to `length`; `[B, length]`.
   *
   * A truncated text keeps its end token, where CLIP reads the embedding (transformers.js's truncation drops it).
   */
  encode(texts: readonly string[], length: number): number[][] {
    const { pad_token_id: pad = 0 } = this.tokenizer;
    return texts.map(text => {
      const ids = this.ids(text);
      const kept = ids.length > length ? [...ids.slice(0, length - 1), ids[ids.length - 1]] : ids;
      return [...kept, ...new Array<number>(length - kept.length).fill(pad)];
    });
  }

  /** Number of tokens of each text with start and end, before truncation. */
  lengths(texts: readonly string[]): number[] {
    return texts.map(text => this.ids(text).length);
  }

  private ids(text: string): number[] {
    return this.tokenizer(text, { return_tensor: false }).input_ids;
  }
}

/** The `tokenizer.json` that transformers' `CLIPConverter` would write for a vocabulary and its merges. */
async function fromVocabulary(
  pack: ModelPack,
  folder: string,
  { bos_token: bos, eos_token: eos, unk_token: unk }: TokenizerConfig,
): Promise<object> {
  const vocab = await pack.readJson(`${folder}/vocab.json`, z.record(z.string(), z.number()));
  const lines = (await readFile(pack.path(`${folder}/merges.txt`), "utf8")).split(/\r?\n/);
  const merges = lines.filter(line => line !== "" && !line.startsWith("#version"));
  const special = [...new Set([bos, eos])].map(content => ({
    id: vocab[content],
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: true,
  }));
  const pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [eos, vocab[eos]],
      cls: [bos, vocab[bos]],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true },
    model: {
      type: "BPE",
      unk_token: unk,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
