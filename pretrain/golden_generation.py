"""Writes tests/golden/generation/: the Modal Mapper and an attention as PyTorch computes them, values and gradients.

`mapper.safetensors` is GILL's mapper (TextFcLayer, mode gill_mapper: Linear, nn.Transformer with norm_first and no dropout,
Linear, learned queries) at a small size; `attention.safetensors` nn.MultiheadAttention with a padded memory. `in.*` are inputs,
`out` what comes out, `grad.*` the gradient of sum(sin(out)) in every input and parameter, the rest parameters.

Run: python pretrain/golden_generation.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(11)
torch.set_num_threads(1)
OUT = Path(__file__).parents[1] / "tests/golden/generation"


class Mapper(nn.Module):
    """Names and order of operations of github.com/kohjingyu/gill, gill/layers.py."""

    def __init__(self, in_dim=6, width=12, out_dim=8, queries=4, layers=4, heads=4, feed_forward=20):
        super().__init__()
        self.fc = nn.Linear(in_dim, width)
        self.tfm = nn.Transformer(
            batch_first=True, norm_first=True, d_model=width, num_encoder_layers=layers, num_decoder_layers=layers,
            dim_feedforward=feed_forward, dropout=0.0, nhead=heads,
        )
        self.model = nn.Linear(width, out_dim)
        self.query_embs = nn.Parameter(torch.randn(1, queries, width))

    def forward(self, x):
        x = self.fc(x)
        x = self.tfm(x, self.query_embs.repeat(x.shape[0], 1, 1))
        return self.model(x)


def shaken(module):
    """Biases and norms away from 0 and 1, where a mistake would not show."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter += 0.3 * torch.randn_like(parameter)
    return module


def write(name, module, inputs, output, **more):
    torch.sin(output).sum().backward()
    parameters = dict(module.named_parameters())
    tensors = {key: value.detach() for key, value in parameters.items()}
    tensors |= {f"in.{key}": value.detach() for key, value in inputs.items()}
    tensors |= {f"grad.{key}": value.grad for key, value in parameters.items()}
    tensors |= {f"grad.in.{key}": value.grad for key, value in inputs.items()}
    tensors |= {"out": output.detach(), **more}
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, OUT / f"{name}.safetensors")


def main():
    mapper = shaken(Mapper())
    states = torch.randn(2, 3, 6, requires_grad=True)
    write("mapper", mapper, {"states": states}, mapper(states))

    attention = shaken(nn.MultiheadAttention(12, 3, batch_first=True))
    queries, memory = torch.randn(2, 3, 12, requires_grad=True), torch.randn(2, 5, 12, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    output, _ = attention(queries, memory, memory, key_padding_mask=mask == 0)
    write("attention", attention, {"queries": queries, "memory": memory}, output, mask=mask.float())


if __name__ == "__main__":
    main()
