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
(IP-Adapter style), a captioner, a language model. Trained from scratch on {trained_on} emoji stickers in six open styles, on two CPU
cores shared with other work, so that the whole path runs for real from a fresh clone. It knows emoji and nothing else.

## What is in it

| file | input -> output |
|---|---|
| `clip/onnx/text_model.onnx` | `input_ids` int64 [B, T<=32] -> `text_embeds` f32 [B, 128], not normalised |
| `clip/onnx/vision_model.onnx` | `pixel_values` f32 [B, 3, 128, 128] in [-1, 1] -> `image_embeds` f32 [B, 128], not normalised |
| `text_encoder/model.onnx` | `input_ids` int64 [B, T<=32] -> `last_hidden_state` f32 [B, T, 192], `pooler_output` f32 [B, 192]; began as CLIP's text tower and learnt on with the U-Net |
| `image_projection/model.onnx` | `image_embeds` f32 [B, 128] (any length, normalised inside) -> `image_tokens` f32 [B, 4, 192] |
| `unet/model.onnx` | `sample` f32 [B, 24, 16, 16]: latents with noise, then those of the picture to be redrawn, not scaled (zeros: none); `timestep` int64 [B], `encoder_hidden_states` f32 [B, T, 192] -> `out_sample` f32 [B, 12, 16, 16] |
| `vae_encoder/model.onnx` | `sample` f32 [B, 3, 128, 128] in [-1, 1] -> `latent_sample` f32 [B, 12, 16, 16], the mean; multiply by `scaling_factor` |
| `vae_decoder/model.onnx` | `latent_sample` f32 [B, 12, 16, 16], divided by `scaling_factor` -> `sample` f32 [B, 3, 128, 128] |
| `captioner/onnx/encoder_model.onnx` | `pixel_values` -> `last_hidden_state` f32 [B, 65, 192] |
| `captioner/onnx/decoder_model_merged.onnx` | `input_ids` int64 [B, n], `encoder_hidden_states`, `past_key_values.{{0,1}}.{{key,value}}` f32 [B, 3, past, 64] (past may be 0) -> `logits`, `present.*` |
| `llm/model.safetensors` | `LlamaForCausalLM`, float16: keywords of an item (`prompts/keywords.v1.txt`), the look a person prefers (`prompts/preference.v1.txt`) |
| `memory/memory.safetensors` | of {things} things up to two training drawings each, {remembered} in all (`things` [M] says of which), `latents` int8 [M, 12, 16, 16] with `scales` [12] (not scaled by `scaling_factor`), and CLIP's `embeddings` of their titles, alone and with each style's words, f16 [{things}, 7, 128], and how large each style draws, `extents` [7]; which they are: `memory/stickers.json` |
| `style_classifier/model.onnx` | `latent_sample` f32 [B, 12, 16, 16], as the decoder takes it -> `logits` f32 [B, 6]: which style a draft is in (labels in its `config.json`) |
| `heldout.json` | the `style:thing` pairs that nothing here was trained on |

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

The U-Net sees the picture to be redrawn beside the noise (the layout of InstructPix2Pix; `StableDiffusionInstructPix2PixPipeline`
with an image guidance of 1): outlines come from the reference, colours, shading and lines from the condition. It draws in **two steps,
from noise alone and without guidance** (t = 999 and 499; `default_*` in `model_index.json`): first trained as a diffusion model
(`pretrain/unet.py`), then on these two steps, with critics of hands (`pretrain/fewstep.py`). More steps, or guidance, are no better.

**From words**: the drawing in `memory/` whose title is nearest to the prompt is redrawn, decoded, scaled to the style's `extents` (pixels of the
longer side, in the middle) and encoded. Where a thing has two drawings and the prompt names a style, both are redrawn `default_num_drafts` times, and
of these drafts the one is decoded whose latents `style_classifier/` finds to be most in that style. With zeros as reference nothing is redrawn: which the two steps were hardly trained for.

Style is told by the image tokens or by words (`styles.json`):

{styles}

Sentences ("a swan, white, in flat vector style") and keyword lists ("swan, bird, white, flat vector style") are both in
the training text.

## Figures

Printed by `vitrine models measure --features … --lpips …` on 200 of the {held_out} held-out (thing, style) pairs (autoencoder, CLIP's
R@1 and R@5, captioner's F1, the judge, which goes by MobileNetV2's features and colours; the pack's own `style_classifier/` learned from a classifier
of the encoder's features and such a histogram of colours, which it and the judge share) and by `python pretrain/measure.py` (the rest).

{figures}

The style judge is a softmax regression on colour histograms and step sizes, trained on real stickers only; it is right
on {judge:.0%} of real held-out stickers, so its verdicts are a hint. "Reference itself" is the floor: the picture before
it is redrawn. Samples of captions are in `metrics.json`.

## Training

{training}

Seed 17 everywhere; the trainings are cut by time, not by steps, so a new run gives other weights of about this quality.
Remake: `python pretrain/make.py --stickers DIR --work DIR --out models/mini`.

## Limits

- A held-out pair is a thing unseen *in that style*; the other styles' drawings of it were seen in training. Fluent 3D
  and Fluent flat share their outlines, so a held-out one of the two is easier than it sounds. Nothing here measures
  things never seen.
- Emoji only: photographs and posters come out as smears, their captions as guesses among emoji.
- The figures say how often another hand is recognised. Outlines stay: a hand that draws a thing from another side is met in
  colours and lines only. Surfaces are softer than drawn ones, and small parts run. Without its memory the U-Net draws the thing
  seldom. What is in the memory is pictures of the training set.
- The language model's F1 is mostly memory: a held-out sticker shares its thing's keywords with other styles' stickers.
  Outside the catalogue it invents; the caller checks its words against the input.
- The captioner rarely names the thing itself (see the figures); it was cut short.
- The tokenizers saw every caption, and the mean latent by which the U-Net's training tells aligned pairs saw every
  sticker; no gradient came from a held-out one.
- The CLIP scores of this pack compare pictures within this pack's world; they say nothing against other checkpoints.
- English only. Styles are named after their sets, not after artists.

## Licences and attribution

Weights: Apache-2.0. `memory/` holds {remembered} of the pictures that they were trained on, as latents; the others are not in the pack:

{attribution}
"""


def table(rows):
    return "\n".join(["| | |", "|---|--:|", *(f"| {k} | {v} |" for k, v in rows)])


def figures_of(m):
    c, r = m["clip"], m["redraw"]
    rows = [("autoencoder PSNR", f"{m['autoencoder']['psnr_db_mean']:.1f} dB"),
            (f"CLIP image -> caption among {c['among']}: R@1, R@5", f"{c['image_to_caption_r1']:.2f}, {c['image_to_caption_r5']:.2f}"),
            ("CLIP zero-shot style by words", f"{c['style_by_words_accuracy']:.2f}"),
            ("language model: F1 of the keywords, from caption and title / from a caption that names another thing", "{captionAndTitle:.2f} / {wrongThingInCaption:.2f}".format(**m["language"]["keywordF1"])),
            ("style classifier: right, of all held out", f"{m['style_classifier']['accuracy']:.2f}"),
            ("captioner: word F1, whole title right", f"{m['captioner']['word_f1']:.2f}, {m['captioner']['title_exact']:.2f}")]
    if "lpips_mean" in m["autoencoder"]:
        rows.insert(1, ("autoencoder LPIPS (AlexNet), SSIM", f"{m['autoencoder']['lpips_mean']:.3f}, {m['autoencoder']['ssim_mean']:.3f}"))
    if "text_to_image" in m:
        judged = [("real ones", m["judge"]["ceiling_on_real"]), ("the same through the autoencoder", m["judge"]["ceiling_on_decoded"]), ("drawn from title and style words", m["text_to_image"])]
        if "text_to_image_from_words_alone" in m:
            judged.append(("so, without the memory", m["text_to_image_from_words_alone"]))
        rows += [(f"independent judge, {v['pictures']} held-out pairs, {name}: style; thing among the first 5 of {v['num_concepts_among']}, of all {v['num_concepts']:,}",
                  f"{v['style_accuracy']:.3f}; {v['concept_top5_among']:.3f}, {v['concept_top5_of_all']:.3f}") for name, v in judged]
    lines = ["| redrawn in the held-out style | judged to be in it | CLIP cosine to the real drawing | to the reference | PSNR to the reference |", "|---|--:|--:|--:|--:|"]
    lines.append(f"| reference itself | {r['reference_itself']['judged_wanted_style']:.2f} | {r['reference_itself']['clip_to_target']:.2f} | 1.00 | |")
    for key, v in r.items():
        if "@" in key:
            name, strength = key.split("@")
            lines.append(f"| {name.replace('_', ' ')}, strength {strength} | {v['judged_wanted_style']:.2f} | {v['clip_to_target']:.2f} | {v['clip_to_reference']:.2f} | {v['psnr_to_reference_db']:.1f} dB |")
    return table(rows) + f"\n\n{r['cases']} redrawings, {r['steps']} steps, guidance {r['guidance']}:\n\n" + "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--stickers", type=Path, help="not read; so that every stage takes the same arguments")
    parser.add_argument("--work", type=Path, help="not read")
    pack = parser.parse_args().pack
    m = json.loads((pack / "metrics.json").read_text())
    styles = json.loads((pack / "styles.json").read_text())
    training = ["| model | steps | minutes | last training loss |", "|---|--:|--:|--:|"]
    training += [f"| {k} | {v['steps']:,} | {v['minutes']:.0f} | {v['last']['loss']:.4g} |" for k, v in m["training"].items()]
    credit = [f"- {a['work']}{' (`' + a['style'] + '`)' if 'style' in a else ''}: {a['author']}, {a['license']}" + (f", <{a['url']}>" if "url" in a else "") + f" (npm: {a['package']})" for a in ATTRIBUTION]
    remembered = len(json.loads((pack / "memory" / "stickers.json").read_text()))
    things = load_file(pack / "memory" / "memory.safetensors")["embeddings"].shape[0]
    text = CARD.format(trained_on=f"{m['trained_on']:,}", held_out=m["held_out"], figures=figures_of(m), training="\n".join(training),
                       judge=m["redraw"]["judge_accuracy_on_real_held_out"], remembered=f"{remembered:,}", things=f"{things:,}", attribution="\n".join(credit),
                       styles="\n".join(f"- `{k}`: {v}" for k, v in styles.items()))
    (pack / "README.md").write_text(text, "utf-8")
    print(f"{pack}: {write_manifest(pack) / 2**20:.1f} MiB, {LICENSE}")


if __name__ == "__main__":
    main()
