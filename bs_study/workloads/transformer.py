"""A small decoder-only transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Transformer(nn.Module):
    """Logits of the symbol that follows each symbol of a sequence; normalised before each layer (GPT-2), no dropout.

    Args:
        symbols: how many there are.
        context: the longest sequence.
        width: of a symbol's representation.
        heads: of each attention.
        blocks: attention and two dense layers each.
    """

    def __init__(self, *, symbols: int, context: int, width: int, heads: int, blocks: int) -> None:
        super().__init__()
        self.symbol = nn.Embedding(symbols, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.logits = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, symbols))
        for embedding in (self.symbol, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return logits of shape (batch, length, symbols) for sequences of shape (batch, length)."""
        places = torch.arange(sequences.shape[1], device=sequences.device)
        return self.logits(self.blocks(self.symbol(sequences) + self.position(places)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Causal attention, then two dense layers, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = self.queries_keys_values(self.before_attention(x)).unflatten(2, (3, self.heads, -1))
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # (batch, heads, length, width of a head) each
        found = scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.attended(found.transpose(1, 2).flatten(2))
        return x + self.dense(x)  # type: ignore[no-any-return]
