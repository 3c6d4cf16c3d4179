"""The captioner (VisionEncoderDecoder): the frozen CLIP vision tower and a small GPT-2 that attends to its patches.

The tower does not learn here, so its patch states are computed once and only the decoder trains, to say the catalogue's caption.
"""

import numpy as np
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from clip import WIDTH, trained_clip
from common import Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from tokenizer import END, caption_tokenizer

MAX_TOKENS = 40


def build_decoder(tokenizer):
    end = tokenizer.token_to_id(END)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_positions=MAX_TOKENS + 8, n_embd=WIDTH, n_layer=2, n_head=3, n_inner=3 * WIDTH,
        add_cross_attention=True, bos_token_id=end, eos_token_id=end, pad_token_id=end,
        resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.0, attn_implementation="eager",
    )
    return GPT2LMHeadModel(config)


def trained_decoder(stickers, work):
    return load_module(build_decoder(caption_tokenizer(stickers, work)), work, "captioner", "decoder")


@torch.no_grad()
def patch_states(clip, stickers, work):
    """[N, 65, D] float16: the tower's last hidden states of each picture."""
    path = work / "patches.pt"
    if not path.exists():
        states = torch.empty(len(stickers.rows), 65, WIDTH, dtype=torch.float16)
        for at in range(0, len(stickers.rows), 64):
            pixels = stickers.float_pixels(slice(at, at + 64))
            states[at : at + 64] = clip.vision_model(pixel_values=pixels).last_hidden_state.half()
        torch.save(states, path)
    return torch.load(path)


def main():
    arguments = stage_arguments(__doc__, 10).parse_args()
    start(arguments)
    stickers = load_stickers(arguments.stickers, arguments.work)
    states = patch_states(trained_clip(stickers, arguments.work), stickers, arguments.work)
    tokenizer = caption_tokenizer(stickers, arguments.work)
    end = tokenizer.token_to_id(END)
    captions = [[end, *tokenizer.encode(row["caption"]).ids[: MAX_TOKENS - 2], end] for row in stickers.rows]
    decoder = build_decoder(tokenizer).train()
    trainer = Trainer("captioner", {"decoder": decoder}, arguments.work, arguments.minutes, lr=1.5e-3, weight_decay=0.05, ema=0.995)
    rng = np.random.default_rng(trainer.step)
    while not trainer.done:
        rows = rng.choice(stickers.train, 48)
        longest = max(len(captions[r]) for r in rows)
        ids = torch.full((len(rows), longest), end)
        labels = torch.full((len(rows), longest), -100)
        for n, r in enumerate(rows):
            ids[n, : len(captions[r])] = labels[n, : len(captions[r])] = torch.tensor(captions[r])
        seen = states[rows].float()
        seen = seen + 0.1 * seen.std() * torch.randn_like(seen)
        with half_precision():
            logits = decoder(input_ids=ids, encoder_hidden_states=seen).logits.float()
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        trainer.update(loss)
    trainer.save()


if __name__ == "__main__":
    main()
