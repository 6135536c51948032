"""A language model of characters: which character of a text comes next, by a decoder-only transformer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.target import Target
from bs_study.workloads.base import Workload
from bs_study.workloads.cache_folder import cache_folder
from bs_study.workloads.transformer import Transformer

CONTEXT = 64
CHARACTERS = 255
UNKNOWN = CHARACTERS


class CharLm(Workload):
    """Any UTF-8 text file; an example is a window of 64 characters, the next window begins where it ends.

    The text is the one `.txt` file in the data folder; where no folder was given, the help texts that come with Python
    (about 380,000 characters, so 5,300 windows to train; more or fewer with Python's version).
    The first 90 % train, the last 10 % evaluate.
    The 255 commonest characters of the training text are told apart; all others count as one more.
    """

    name = "char_lm"
    target = Target("loss", 1.5, "min")  # nats per character

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        text, _ = _split(data_dir)
        return (windows(text, vocabulary(text)),)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        text, held_out = _split(data_dir)
        return (windows(held_out, vocabulary(text)),)

    def prepare(self, window: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return window[:, :-1].long(), window[:, 1:].long()  # (batch, 64) each: what is read, what comes next

    def model(self) -> nn.Module:
        return Transformer(symbols=CHARACTERS + 1, context=CONTEXT, width=128, heads=4, blocks=2)

    def loss(self, model: nn.Module, read: Tensor, following: Tensor) -> Tensor:  # type: ignore[override]
        return cross_entropy(model(read).flatten(0, 1), following.flatten())

    def metrics(self, model: nn.Module, read: Tensor, following: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        logits = model(read)  # (batch, 64, 256)
        return {
            "accuracy": (logits.argmax(dim=2) == following).float().mean(dim=1),
            "loss": cross_entropy(logits.transpose(1, 2), following, reduction="none").mean(dim=1),
        }


def vocabulary(text: str) -> dict[str, int]:
    """Return the number of each character that is told apart: the commonest 255, in the order of their frequency."""
    by_frequency = sorted(Counter(text).items(), key=lambda item: (-item[1], item[0]))
    return {character: number for number, (character, _) in enumerate(by_frequency[:CHARACTERS])}


def windows(text: str, numbers: dict[str, int]) -> Tensor:
    """Return a text's windows: uint8 of shape (windows, 65), each with the character that follows it.

    The last character of a window is the first of the next, so that each character is predicted once.
    What is left over at the end, fewer characters than a window, is left out.
    """
    encoded = torch.tensor([numbers.get(character, UNKNOWN) for character in text], dtype=torch.uint8)
    return encoded.unfold(0, CONTEXT + 1, CONTEXT).contiguous()


def _split(data_dir: Path) -> tuple[str, str]:
    """Return the text to train on and the text to evaluate on.

    Raises:
        FileNotFoundError: the folder holds several texts, or one that can't be used; or none, and is not the cache.
    """
    files = [data_dir] if data_dir.is_file() else sorted(data_dir.glob("*.txt"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files[:3])
        raise FileNotFoundError(
            f"data_dir: {data_dir} holds {len(files)} texts ({names}). Give a folder with one .txt file"
        )
    if not files and data_dir.is_dir() and data_dir != cache_folder():
        others = [file for file in data_dir.glob("*") if file.is_file()]
        raise FileNotFoundError(
            f"data_dir: {data_dir} holds {others[0].name} but no .txt file. Rename your text, or give it"
            if others
            else f"data_dir: {data_dir} holds no .txt file. Put your text there, or leave out --data-dir and "
            "$BS_STUDY_DATA for the help texts that come with Python"
        )
    text = _read(files[0]) if files else python_help()
    held_out = len(text) // 10
    if held_out <= CONTEXT:
        least = 10 * (CONTEXT + 1)
        raise FileNotFoundError(f"data_dir: {files[0]} is too short ({len(text)} characters). Give at least {least}")
    return text[:-held_out], text[-held_out:]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileNotFoundError(
            f"data_dir: {file} is no UTF-8 text (byte {error.start}). Convert it: iconv -f latin1 -t utf-8"
        ) from error


def python_help() -> str:
    """Return the texts of Python's `help()` on the language, each paragraph once."""
    from pydoc_data.topics import topics

    paragraphs = (paragraph for name in sorted(topics) for paragraph in topics[name].split("\n\n"))
    return "\n\n".join(dict.fromkeys(paragraphs))  # many topics repeat others
