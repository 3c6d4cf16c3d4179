"""The trained U-Net made to redraw a reference in two steps and without guidance, and in the hand that it is asked for.

Sampling in many steps adds up what a small U-Net gets wrong in each: pictures become blotched, and the reference's hand is
still seen. Yet what the U-Net sees at the first step, with the reference beside the noise, is whole already. So it is trained on
the two steps themselves (STEPS, DDIM's), each of which is to answer with the finished picture x0:

  the squared error is no longer the aim, since its least is a mean of pictures, which is in no hand: half of the examples
  have a known answer and keep to it by absolute differences, where the least is a median;
  a critic (critic.py) says of every picture whether the hand that was asked for would have drawn it: of those too whose
  answer nobody knows, as when a drawing is to be put into a hand that drew the thing otherwise, or not at all.

After A. Sauer et al., "Adversarial Diffusion Distillation", 2023, and P. Isola et al., "Image-to-Image Translation with
Conditional Adversarial Networks", 2017 (absolute differences and a critic of patches).

References as in unet.py, and

  foreign   another hand's drawing of the thing, whether or not it lies on the target: no answer is known, but coarsely the picture
            is to stay what it was.

z_t below the first step is made of what a step may start from: the U-Net's own first answer, the answer itself, or the
reference, as image-to-image of a strength below 1 starts.
"""

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler

from clip import trained_clip
from common import REMEMBERED_HANDS, SEED, Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from critic import Criticism, Windows, disturbed, latent_critic, pixel_critic
from prompts import prompt, style_words
from tokenizer import clip_tokenizer
from unet import (
    ALIGNED, SCHEDULE, Examples, NormalisedImageProjection, build_unet, embed_stickers, encode_altered, encode_stickers, plain_attention,
)
from vae import LATENT_CHANNELS, reconstruction_loss, trained_vae

STEPS = (999, 499)
FIRST_STEP = 0.6  # of the examples
CRITIC_MINUTES = 3  # in which it learns to tell hands apart
FOREIGN_VOICE = 8.0  # how much louder the critic is where there is no answer beside it
OUTLINES = 0.1  # weight of how far a foreign reference's redrawing leaves it, coarsely
PIXELS = 1.0  # weight of differences in the decoded windows, beside those of latents
SOFTNESS = 0.1  # differences below it count by their square


class Redrawings(Examples):
    """`Examples` with foreign references; the two of a sticker's alterations that left it least."""

    def __init__(self, *given):
        super().__init__(*given)
        self.peers, self.mild = {}, {}

    def reference(self, row):
        kind, mirrored = self.rng.random(), int(self.rng.random() < 0.1)
        if kind < 0.04:
            return "none", torch.zeros_like(self.latents[0, row]), mirrored
        if kind < 0.06:
            return "itself", self.latents[mirrored, row], mirrored
        rows = self.stickers.rows
        if row not in self.peers:
            peers = [i for i in self.of_concept[rows[row]["concept"]] if i != row]
            self.peers[row] = sorted(peers, key=lambda i: REMEMBERED_HANDS.index(rows[i]["style"]))
            self.near[row] = [i for i in peers if self.likeness(i, row) >= ALIGNED]
            apart = (self.altered[:, row] - self.latents[0, row]).square().mean((1, 2, 3))
            self.mild[row] = apart.argsort()[:2].tolist()
        if kind < 0.5 and self.peers[row]:
            other = self.peers[row][0] if self.rng.random() < 0.5 else self.rng.choice(self.peers[row])
            return "foreign", self.latents[mirrored, other], mirrored
        if kind < 0.7 and self.near[row]:
            return "another", self.latents[mirrored, self.rng.choice(self.near[row])], mirrored
        return "altered", self.altered[self.rng.choice(self.mild[row]), row], 0

    def batch(self, size):
        """`example` of so many stickers, each column stacked; every sticker comes once before any comes again."""
        if len(self.queue) < size:
            order = self.stickers.train.tolist()
            self.rng.shuffle(order)
            self.queue += order
        rows, self.queue = self.queue[:size], self.queue[size:]
        examples = [self.example(row) for row in rows]
        columns = {key: [example[key] for example in examples] for key in examples[0]}
        stacked = lambda values: torch.stack(values) if torch.is_tensor(values[0]) else torch.tensor(values)
        return {key: values if key == "text" else stacked(values) for key, values in columns.items()}

    def example(self, row):
        sticker = self.stickers.rows[row]
        kind, reference, mirrored = self.reference(row)
        dropped = kind != "foreign" and self.rng.random() < 0.08
        told, shown = self.rng.choice([(True, False)] * 2 + [(False, True)] * 2 + [(True, True)])
        text = prompt(sticker, self.rng, style=told, colors=self.rng.random() < (0.7 if kind == "altered" else 0.35))
        bare = shown and not told and self.rng.random() < 0.3
        if kind in ("foreign", "none") and self.rng.random() < 0.4:  # what text-to-image and image-to-image are mostly asked
            text = f"{sticker['title']}, {style_words(sticker['style'])}" if told else sticker["title"]
        return {
            "target": self.latents[mirrored, row], "reference": reference, "foreign": kind == "foreign", "alone": kind == "none",
            "text": "" if dropped or bare else text, "shown": shown and not dropped, "dropped": dropped,
            "embedding": self.style_embedding(row) if shown else self.embeddings[row], "style": self.stickers.styles.index(sticker["style"]),
        }


def column(values):
    return values.view(-1, 1, 1, 1)


def mean_of(values, chosen):
    return values[chosen].float().mean().item() if chosen.any() else 0.0


def main():
    parser = stage_arguments(__doc__, 60)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--critic", type=float, default=0.8, help="each critic's share of the gradient, of that of the known answers")
    arguments = parser.parse_args()
    start(arguments)
    work = arguments.work
    stickers = load_stickers(arguments.stickers, work)
    clip = trained_clip(stickers, work)
    clip.set_attn_implementation("eager")
    tokenizer = clip_tokenizer(stickers, work)
    latents, scale = encode_stickers(stickers, work)
    altered, embeddings = encode_altered(stickers, work, scale), embed_stickers(clip, stickers, work)
    modules = {"unet": plain_attention(build_unet()), "projection": NormalisedImageProjection(), "text": clip.text_model}
    for key, module in modules.items():
        load_module(module, work, "unet", key).requires_grad_(True).train()
    unet, projection, text = modules.values()
    trainer = Trainer("fewstep", modules, work, arguments.minutes, lr=arguments.rate, ema=0.998, slower={"text": 0.3})
    examples = Redrawings(stickers, latents, altered, embeddings, trainer.step)
    hands = torch.tensor([stickers.styles.index(row["style"]) for row in stickers.rows])
    windows = Windows(trained_vae(work), scale)
    critics = {
        "latent": Criticism(latent_critic(LATENT_CHANNELS, len(stickers.styles)), trainer.step),
        "pixel": Criticism(pixel_critic(len(stickers.styles)), trainer.step, rate=1e-3),
    }
    train, held = torch.from_numpy(stickers.train), stickers.held_out
    for (name, criticism), view in zip(critics.items(), (disturbed, windows.random)):
        path = work / f"critic-{name}.pt"
        if path.exists():
            criticism.restore(torch.load(path))
        else:
            criticism.tell_apart(view, latents, hands, train, CRITIC_MINUTES)
            torch.save(criticism.state(), path)
        print(f"{name} critic: tells the hand of {criticism.told(view(latents[0, held], criticism.generator), hands[held]):.3f} of those held out", flush=True)
    cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod
    steps, random = torch.tensor(STEPS), torch.Generator().manual_seed(SEED + trainer.step)
    while not trainer.done:
        of = examples.batch(arguments.batch)
        target, reference, style, foreign = of["target"], of["reference"], of["style"], of["foreign"]
        size = len(target)
        chance, source = torch.rand(size, generator=random), torch.rand(size, generator=random)
        t = torch.where(chance < FIRST_STEP, STEPS[0], steps[1 + torch.randint(len(STEPS) - 1, (size,), generator=random)])
        t = torch.where(of["alone"], 999 - (chance * 999), t).long()
        is_first = t == STEPS[0]
        noise = torch.randn(target.shape, generator=random)
        a, s = column(cumulative[t].sqrt()), column((1 - cumulative[t]).sqrt())
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch(of["text"])])
        with half_precision():
            states = text(input_ids=ids).last_hidden_state
            condition = torch.cat([states, projection(of["embedding"]) * of["shown"].view(-1, 1, 1)], 1)
            from_reference = ~of["alone"] & (source < 0.25)
            own = ~is_first & ~of["alone"] & ~from_reference & (foreign | (source > 0.6))
            clean = torch.where(column(from_reference), reference, target)
            if own.any():
                with torch.no_grad():
                    first = torch.full((int(own.sum()),), STEPS[0])
                    seen = torch.cat([noise[own], reference[own] / scale], 1)
                    guessed = unet(seen, first, condition[own]).sample.float()
                    clean[own] = cumulative[STEPS[0]].sqrt() * noise[own] - (1 - cumulative[STEPS[0]]).sqrt() * guessed
            noised = torch.where(column(is_first), noise, a * clean + s * noise)
            predicted = unet(torch.cat([noised, reference / scale], 1), t, condition).sample.float()
        v = predicted.detach().requires_grad_(True)
        made = a * noised - s * v
        error = ((made - target).square() + SOFTNESS**2).sqrt().mean((1, 2, 3)) - SOFTNESS
        left = (F.avg_pool2d(made, 2) - F.avg_pool2d(reference, 2)).square().mean((1, 2, 3))
        (gradient,) = torch.autograd.grad(torch.where(foreign, OUTLINES * left, error).sum() / size, v, retain_graph=True)
        judged, known = ~of["dropped"] & ~of["alone"], ~foreign
        places = windows.places(made, random)
        with torch.no_grad():
            real = windows.decoded(target, places)
        drawn = windows.decoded(made, places)
        apart, _ = reconstruction_loss(drawn[known], real[known])
        (finer,) = torch.autograd.grad(PIXELS * apart * known.sum() / size, v, retain_graph=True)
        gradient = gradient + finer
        voice = column(torch.where(foreign, FOREIGN_VOICE, 1.0))
        seen = {"latent": (disturbed(made[judged], random), disturbed(target, random)), "pixel": (drawn[judged], real)}
        figures, total = {}, gradient
        for name, criticism in critics.items():
            redrawn, genuine = seen[name]
            blame, told = criticism.judge(redrawn, style[judged])
            (critical,) = torch.autograd.grad(blame.sum() / size, v, retain_graph=True)
            weight = arguments.critic * gradient[known].norm() / critical[known].norm().clamp(min=1e-12)
            total = total + weight * critical * voice
            classified, parted = criticism.learn(redrawn, style[judged], genuine, style)
            figures |= {f"{name}_hand": mean_of(told, known[judged]), f"{name}_foreign_hand": mean_of(told, foreign[judged]),
                        f"{name}_classified": classified, f"{name}_apart": parted, f"{name}_weight": weight}
        guided = known & ~of["alone"]
        trainer.update(
            (predicted * total).sum(), first=mean_of(error.detach(), guided & is_first), later=mean_of(error.detach(), guided & ~is_first),
            alone=mean_of(error.detach(), of["alone"]), drawn=apart, left=mean_of(left.detach(), foreign), **figures)
        if trainer.step % 100 == 0:
            for name, criticism in critics.items():
                torch.save(criticism.state(), work / f"critic-{name}.pt")
    trainer.save()


if __name__ == "__main__":
    main()
