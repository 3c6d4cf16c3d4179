"""Writes the pack's model card from metrics.json, then the manifest with every file's size and sha256."""

import argparse
import json
from pathlib import Path

from safetensors.numpy import load_file

from export import ATTRIBUTION, LICENSE, write_manifest

CARD = """---
license: apache-2.0
language: en
tags: [text-to-image, image-to-image, clip, stickers]
---

# mini

The smallest real base models of Vitrine: CLIP, an autoencoder, a conditional diffusion U-Net with an image projection
(as in IP-Adapter), a captioner, a language model. They are trained from scratch on {trained_on} emoji stickers in six open styles, on two
CPU cores shared with other work. With them the whole path runs for real from a fresh clone. They know emoji and nothing else.

## What is in it

| file | input -> output |
|---|---|
| `clip/onnx/text_model.onnx` | `input_ids` int64 [B, T<=32] -> `text_embeds` f32 [B, 128], not normalised |
| `clip/onnx/vision_model.onnx` | `pixel_values` f32 [B, 3, 128, 128] in [-1, 1] -> `image_embeds` f32 [B, 128], not normalised |
| `text_encoder/model.onnx` | `input_ids` int64 [B, T<=32] -> `last_hidden_state` f32 [B, T, 192], `pooler_output` f32 [B, 192]; CLIP's text tower, trained further with the U-Net |
| `image_projection/model.onnx` | `image_embeds` f32 [B, 128] (any length, normalised inside) -> `image_tokens` f32 [B, 4, 192] |
| `unet/model.onnx` | `sample` f32 [B, 24, 16, 16]: noisy latents, then the latents of the picture to redraw, not scaled (zeros: no picture); `timestep` int64 [B], `encoder_hidden_states` f32 [B, T, 192] -> `out_sample` f32 [B, 12, 16, 16] |
| `vae_encoder/model.onnx` | `sample` f32 [B, 3, 128, 128] in [-1, 1] -> `latent_sample` f32 [B, 12, 16, 16], the mean; multiply by `scaling_factor` |
| `vae_decoder/model.onnx` | `latent_sample` f32 [B, 12, 16, 16], divided by `scaling_factor` -> `sample` f32 [B, 3, 128, 128] |
| `captioner/onnx/encoder_model.onnx` | `pixel_values` -> `last_hidden_state` f32 [B, 65, 192] |
| `captioner/onnx/decoder_model_merged.onnx` | `input_ids` int64 [B, n], `encoder_hidden_states`, `past_key_values.{{0,1}}.{{key,value}}` f32 [B, 3, past, 64] (past may be 0) -> `logits`, `present.*` |
| `llm/model.safetensors` | `LlamaForCausalLM`, float16: keywords of an item (`prompts/keywords.v1.txt`), the appearance a person prefers (`prompts/preference.v1.txt`) |
| `memory/memory.safetensors` | the exemplar bank: up to two training drawings of each of {objects} objects, {exemplars} in all. `things` [M] is the object of each; `latents` int8 [M, 12, 16, 16] with `scales` [12] (not scaled by `scaling_factor`); `embeddings` f16 [{objects}, 7, 128] by CLIP of each title, alone and with the words of each style; `extents` [7], the usual size of each style's drawings. `memory/stickers.json` lists the drawings |
| `style_classifier/model.onnx` | `latent_sample` f32 [B, 12, 16, 16], as the decoder takes it -> `logits` f32 [B, 6]: the style of a sample (labels in its `config.json`) |
| `heldout.json` | the `style:object` pairs that no model here is trained on |

- Pictures are 128x128 RGB on white; lay transparent ones on white first.
- **Condition** [B, 36, 192]: the states of the text padded to 32 tokens with `<|endoftext|>`, then 4 image tokens: the
  projection of a (weighted) mean of CLIP image embeddings, or literal zeros. **Unconditional**: the states of `""`, then
  four zero tokens.
- Prediction: `v_prediction`, 1,000 timesteps, `scaled_linear` 0.00085-0.012, trailing spacing; t = 999 is noise alone.
- `patch_size: 2` in the autoencoder's config means that the graphs fold 2x2 pixels into channels first. Its Python class
  is diffusers' AutoencoderKL behind a pixel_unshuffle; the ONNX files take and give plain RGB.
- Weights are stored as float16, those of the U-Net, the CLIP towers and the captioner as int8 with a scale a channel; inputs,
  outputs and arithmetic are float32.

## Redrawing

The U-Net reads the picture to redraw beside the noise (the layout of InstructPix2Pix; `StableDiffusionInstructPix2PixPipeline`
with an image guidance of 1). Outlines come from the reference; colours, shading and lines come from the condition. It draws in **two
steps, from pure noise and without guidance** (t = 999 and 499; `default_*` in `model_index.json`). It is trained as a diffusion model
first (`pretrain/unet.py`), then on these two steps with discriminators (`pretrain/step_distillation.py`). More steps, or guidance, do not
improve it.

**From words**: the exemplar in `memory/` whose title is nearest to the prompt is decoded, scaled to the style's `extents` (pixels of the
longer side, centred), encoded and redrawn. Where an object has two exemplars and the prompt names a style, both are redrawn
`default_num_drafts` times. The pack decodes only the sample whose latents `style_classifier/` finds to be most in that style. With zeros as
reference nothing is redrawn; the two steps are hardly trained for that.

The style comes from the image tokens or from words (`styles.json`):

{styles}

Sentences ("a swan, white, in flat vector style") and keyword lists ("swan, bird, white, flat vector style") are both in
the training text.

## Figures

`vitrine models measure --features … --lpips …` prints these for 200 of the {held_out} held-out (object, style) pairs: autoencoder, CLIP's
R@1 and R@5, captioner's F1, and the independent classifiers, which use features of MobileNetV2 and a colour histogram. (The pack's own
`style_classifier/` is distilled from a classifier of the encoder's features and the same kind of histogram.) `python pretrain/measure.py`
prints the rest.

{figures}

The second table uses a softmax regression on colour histograms and differences of neighbours, trained on real stickers only. It is right on
{style_accuracy:.0%} of real held-out stickers, so its answers are a hint. "Reference itself" is the picture before it is redrawn.
`metrics.json` has sample captions.

## Training

{training}

The seed is 17 everywhere. Trainings stop by time, not by steps, so a new run gives other weights of about this quality.
To build the pack again: `python pretrain/build_pack.py --stickers DIR --work DIR --out models/mini`.

## Limits

- A held-out pair is an object unseen *in that style*. Training saw its drawings in other styles. Fluent 3D and Fluent flat share their
  outlines, so a held-out pair of these two is easier than it sounds. Nothing here measures objects that training never saw.
- Emoji only: photographs and posters become smears, and their captions are guesses among emoji.
- The figures say how often the requested style is recognised. Outlines stay: where a style draws an object from another side, only colours
  and lines follow. Surfaces are softer than real ones, and small parts blur. Without its exemplars the U-Net rarely draws the right
  object. The exemplars are pictures of the training set.
- The language model's F1 is mostly recall of the training set: a held-out sticker shares its object's keywords with stickers of other
  styles. Outside the catalogue it invents words; the caller checks them against the input.
- The captioner rarely names the object itself (see the figures); its training was short.
- The tokenizers saw every caption. The mean latent, by which the U-Net's training finds aligned pairs, saw every sticker. No gradient
  came from a held-out sticker.
- The CLIP scores of this pack compare pictures within this pack only; they do not compare with other checkpoints.
- English only. Styles have the names of their emoji sets.

## Licences and attribution

Weights: Apache-2.0. `memory/` holds {exemplars} of the training pictures as latents; the others are not in the pack:

{attribution}
"""


def table(rows):
    return "\n".join(["| | |", "|---|--:|", *(f"| {k} | {v} |" for k, v in rows)])


def figures_of(m):
    c, r = m["clip"], m["redraw"]
    rows = [("autoencoder PSNR", f"{m['autoencoder']['psnr_db_mean']:.1f} dB"),
            (f"CLIP image -> caption among {c['among']}: R@1, R@5", f"{c['image_to_caption_r1']:.2f}, {c['image_to_caption_r5']:.2f}"),
            ("CLIP zero-shot style by words", f"{c['style_by_words_accuracy']:.2f}"),
            ("language model: F1 of the keywords, from caption and title / from a caption that names another object", "{captionAndTitle:.2f} / {wrongThingInCaption:.2f}".format(**m["language"]["keywordF1"])),
            ("style classifier: right, of all held out", f"{m['style_classifier']['accuracy']:.2f}"),
            ("captioner: word F1, whole title right", f"{m['captioner']['word_f1']:.2f}, {m['captioner']['title_exact']:.2f}")]
    if "lpips_mean" in m["autoencoder"]:
        rows.insert(1, ("autoencoder LPIPS (AlexNet), SSIM", f"{m['autoencoder']['lpips_mean']:.3f}, {m['autoencoder']['ssim_mean']:.3f}"))
    if "text_to_image" in m:
        measured = [("real pictures", m["judge"]["ceiling_on_real"]), ("real pictures through the autoencoder", m["judge"]["ceiling_on_decoded"]),
                    ("drawn from title and style words", m["text_to_image"])]
        if "text_to_image_from_words_alone" in m:
            measured.append(("drawn so without the exemplar bank", m["text_to_image_from_words_alone"]))
        rows += [(f"independent classifiers, {v['pictures']} held-out pairs, {name}: style; object among the first 5 of {v['num_concepts_among']}, of all {v['num_concepts']:,}",
                  f"{v['style_accuracy']:.3f}; {v['concept_top5_among']:.3f}, {v['concept_top5_of_all']:.3f}") for name, v in measured]
    lines = ["| redrawn in the held-out style | recognised as that style | CLIP cosine to the real drawing | to the reference | PSNR to the reference |", "|---|--:|--:|--:|--:|"]
    lines.append(f"| reference itself | {r['reference_itself']['judged_wanted_style']:.2f} | {r['reference_itself']['clip_to_target']:.2f} | 1.00 | |")
    for key, v in r.items():
        if "@" in key:
            name, strength = key.split("@")
            lines.append(f"| {name.replace('_', ' ')}, strength {strength} | {v['judged_wanted_style']:.2f} | {v['clip_to_target']:.2f} | {v['clip_to_reference']:.2f} | {v['psnr_to_reference_db']:.1f} dB |")
    return table(rows) + f"\n\n{r['cases']} redrawings, {r['steps']} steps, guidance {r['guidance']}:\n\n" + "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--stickers", type=Path, help="not used; every stage takes the same arguments")
    parser.add_argument("--work", type=Path, help="not used")
    pack = parser.parse_args().pack
    m = json.loads((pack / "metrics.json").read_text())
    styles = json.loads((pack / "styles.json").read_text())
    training = ["| model | steps | minutes | last training loss |", "|---|--:|--:|--:|"]
    training += [f"| {k} | {v['steps']:,} | {v['minutes']:.0f} | {v['last']['loss']:.4g} |" for k, v in m["training"].items()]
    credit = [f"- {a['work']}{' (`' + a['style'] + '`)' if 'style' in a else ''}: {a['author']}, {a['license']}" + (f", <{a['url']}>" if "url" in a else "") + f" (npm: {a['package']})" for a in ATTRIBUTION]
    exemplars = len(json.loads((pack / "memory" / "stickers.json").read_text()))
    objects = load_file(pack / "memory" / "memory.safetensors")["embeddings"].shape[0]
    text = CARD.format(trained_on=f"{m['trained_on']:,}", held_out=m["held_out"], figures=figures_of(m), training="\n".join(training),
                       style_accuracy=m["redraw"]["judge_accuracy_on_real_held_out"], exemplars=f"{exemplars:,}", objects=f"{objects:,}", attribution="\n".join(credit),
                       styles="\n".join(f"- `{k}`: {v}" for k, v in styles.items()))
    (pack / "README.md").write_text(text, "utf-8")
    print(f"{pack}: {write_manifest(pack) / 2**20:.1f} MiB, {LICENSE}")


if __name__ == "__main__":
    main()
