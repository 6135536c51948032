"""Verdicts in words: what is claimed, how it is judged, why it is open, and by which numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np

from bs_study.analysis.verdict import CONFIDENCE, Claim, Verdict
from bs_study.report.sentences.columns import column_words
from bs_study.report.sentences.doubts import Edges, as_sentences, doubts
from bs_study.words import CLOCK_WORDS, amount, cell, clock_words, listing, number, percent, setting, some_sizes

_QUESTIONS: dict[Claim, str] = {
    "epoch_time": "Does an epoch take less time as the batch grows?",
    "iteration_time": "Does the time of one iteration hardly depend on the batch size?",
    "noise": "Does the loss oscillate less as the batch grows?",
    "small_batch_lr": "Does a small batch need a small lr, since a larger one is unstable?",
    "large_batch_lr": "Does a large batch want a larger lr?",
    "middle_batch_size": "Is a middle batch size the fastest at one fixed lr?",
    "fastest_after_tuning": "Which batch size reaches the target first, each at its best lr?",
    "updates_saturate": "Do large batches need about as many updates as middle ones?",
    "soonest_recipe": "Which recipe reaches the target first?",
    "gradients_early": "Do consecutive gradients agree more as the batch grows, in the first iterations?",
    "gradients_late": "Do consecutive gradients agree more as the batch grows, late in training?",
    "extremes_end_worse": "Does the smallest or the largest batch size end worse on held-out data?",
    "stable_lr_at_limit": "Is the largest stable lr where lr times sharpness is at the stability limit?",
}
_SUPPORTED: dict[Claim, str] = {
    "epoch_time": "An epoch takes less time as the batch grows",
    "iteration_time": "The time of one iteration hardly depends on the batch size",
    "noise": "The loss oscillates less as the batch grows",
    "small_batch_lr": "A small batch needs a small lr: a larger one is unstable",
    "large_batch_lr": "A large batch wants a larger lr",
    "middle_batch_size": "At a fixed lr, a middle batch size is the fastest",
    "updates_saturate": "Large batches need about as many updates as middle ones",
    "gradients_early": "In the first iterations, consecutive gradients agree more as the batch grows",
    "gradients_late": "Late in training, consecutive gradients agree more as the batch grows",
    "extremes_end_worse": "The smallest or the largest batch size ends worse on held-out data than one between",
    "stable_lr_at_limit": "The largest stable lr is where lr times sharpness is at the stability limit",
}
_CONTRADICTED: dict[Claim, str] = {
    "epoch_time": "An epoch takes longer as the batch grows",
    "iteration_time": "An iteration soon takes longer as the batch grows",
    "noise": "The loss oscillates more as the batch grows",
    "small_batch_lr": "The largest stable lr falls as the batch grows",
    "large_batch_lr": "A large batch wants a smaller lr",
    "middle_batch_size": "At each fixed lr, the smallest or the largest batch size is the fastest",
    "updates_saturate": "Larger batches go on saving updates",
    "gradients_early": "In the first iterations, consecutive gradients agree less as the batch grows",
    "gradients_late": "Late in training, consecutive gradients agree less as the batch grows",
    "extremes_end_worse": "The smallest and the largest batch size end better on held-out data than the best between",
    "stable_lr_at_limit": "The largest stable lr is not where lr times sharpness is at the stability limit",
}
_HOW: dict[Claim, str] = {
    "epoch_time": "Epoch times are compared from the smallest batch size to the fastest",
    "iteration_time": "Iteration times are compared with that of the smallest batch size",
    "noise": "The slope of log noise on log batch size is compared with 0",
    "small_batch_lr": "The slope of the largest stable lr on batch size, in logs, is compared with 0",
    "large_batch_lr": "The exponent of the best lr against batch size is compared with 0",
    "middle_batch_size": "The fastest batch size of each lr is compared with the others",
    "fastest_after_tuning": "The fastest cell is compared with every cell of the other batch sizes",
    "updates_saturate": "The slope of log iterations on log batch size is compared with −1/2",
    "soonest_recipe": "The soonest recipe's best cell is compared with every cell of the others",
    "gradients_early": "The slope of the cosine on log batch size is compared with 0",
    "gradients_late": "The slope of the cosine on log batch size is compared with 0",
    "extremes_end_worse": "Each is compared with the best batch size between",
    "stable_lr_at_limit": "The lr over its limit is compared with a step of the lrs",
}


_LIMITS = {"load": "loading", "device": "the device"}


def claim(verdict: Verdict) -> str:
    """Return what a verdict says, in a sentence; a question, or what is so far, where it is open."""
    if verdict.claim == "fastest_after_tuning":
        return _fastest(verdict)
    if verdict.claim == "soonest_recipe":
        return _soonest(verdict)
    if verdict.outcome == "undecided":
        return _QUESTIONS[verdict.claim]
    if verdict.outcome == "supported" and verdict.evidence.get("worse"):
        return _ends_worse(verdict.evidence["worse"])
    if verdict.outcome == "contradicted":
        return f"{_CONTRADICTED[verdict.claim]}."
    return f"{_SUPPORTED[verdict.claim]}{_detail(verdict)}."


def answer(verdict: Verdict) -> str:
    """Return what a verdict says to its question, in a sentence: what holds, or what keeps it open."""
    if verdict.outcome != "undecided":
        return claim(verdict)
    clauses = doubts(verdict.doubts, claim=verdict.claim) or ["the numbers leave it open"]
    return f"Not known yet: {clauses[0]}."


def _detail(verdict: Verdict) -> str:
    """Return up to where a claim holds, or at which lrs, as its evidence has it."""
    told = verdict.evidence
    if verdict.claim == "iteration_time" and "up_to_batch_size" in told:
        return f", up to batch size {setting(told['up_to_batch_size'])}"
    if verdict.claim == "epoch_time" and "level_from_batch_size" in told:
        level = told["level_from_batch_size"]
        limit = f", where {_LIMITS.get(str(told.get('limited_by')), 'something')} limits it"
        return f", up to batch size {setting(level)}{limit if level < max(told['epoch_seconds']) else ''}"
    if verdict.claim == "large_batch_lr" and _is_known(told.get("saturates_at")):
        return f", up to about batch size {setting(round(told['saturates_at']))}"
    lrs = told.get("middle_at_lrs", ())
    return f" (lr {listing([setting(lr) for lr in lrs])})" if 0 < len(lrs) <= 5 else ""


def _ends_worse(sizes: Sequence[int]) -> str:
    end = "ends" if len(sizes) == 1 else "end"
    return f"{some_sizes(sizes).capitalize()} {end} worse on held-out data than the best one between the extremes."


def _fastest(verdict: Verdict) -> str:
    told = verdict.evidence
    if "batch_size" not in told:
        return _QUESTIONS[verdict.claim]
    named = cell(told["batch_size"], told["lr"])
    took = _took(verdict)
    if verdict.outcome == "undecided":
        return f"Fastest so far: {named}{f' ({took})' if took else ''}."
    recipe = f" with the recipe “{told['recipe']}”" if told.get("recipe") and not verdict.recipe else ""
    size = f"batch size {setting(told['batch_size'])}{recipe}"
    return f"After tuning the lr, {size} reaches the target first{f', after {took}' if took else ''}."


def _took(verdict: Verdict) -> str:
    """Return the first cell's time by the study's clock: that of the timing pass, where there was one."""
    evidence = verdict.evidence
    clock = "clean_seconds" if "clean_seconds" in evidence else "train_seconds"
    first = evidence.get(clock, {}).get("first", {})
    if first.get("batch_size") != evidence["batch_size"]:
        return ""
    at_most = "at most " if evidence.get("is_at_most") else ""
    return f"{at_most}{amount(first[f'{clock}_to_target'], clock=clock)} of {_clock(clock, verdict)}"


def _clock(clock: str, verdict: Verdict) -> str:
    return clock_words(clock, is_disturbed=any(doubt.reason == "disturbed_timing" for doubt in verdict.doubts))


def _soonest(verdict: Verdict) -> str:
    told = verdict.evidence
    at = f"batch size {setting(told['batch_size'])}" if "batch_size" in told else "each batch size"
    if "soonest" not in told:
        return f"{_QUESTIONS[verdict.claim].removesuffix('?')} at {at}?"
    recipe = f"“{told['soonest']}” at lr {setting(told['lr'])}"
    if verdict.outcome == "undecided":
        return f"Soonest so far at {at}: {recipe}."
    return f"At {at}, “{told['soonest']}” reaches the target soonest."


def how(verdict: Verdict) -> str:
    """Return how a claim is judged, and how surely, in a sentence."""
    level = verdict.evidence.get("confidence")
    at = f"at {percent(level)}, so that all claims" if level else "so that all claims"
    return f"{_HOW[verdict.claim]}, {at} hold together at {percent(CONFIDENCE)}."


def why(verdict: Verdict, *, edges: Edges | None = None) -> str:
    """Return why a verdict is undecided, in sentences; empty where it is not.

    Args:
        edges: of `doubts.edges_of`, which tell the smallest lr tried from the largest.
    """
    if verdict.outcome != "undecided":
        return ""
    clauses = doubts(verdict.doubts, claim=verdict.claim, edges=edges) or ["the numbers leave it open"]
    return " ".join(as_sentences(clauses, first="Undecided"))


def numbers(verdict: Verdict) -> list[str]:
    """Return the evidence as lines of text: single numbers in the first, then a line for each series of them."""
    known = {name: value for name, value in verdict.evidence.items() if _is_known(value)}
    single = {name: value for name, value in known.items() if not isinstance(value, Mapping)}
    line = " · ".join(f"{_named(name)}: {_text(value, name)}" for name, value in single.items())
    series = [
        f"{_clock(name, verdict) if name in CLOCK_WORDS else _named(name)}: {_text(value, name)}"
        for name, value in known.items()
        if name not in single
    ]
    return [line, *series] if line else series


def _is_known(value: object) -> bool:
    if isinstance(value, Real):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return any(_is_known(entry) for entry in value.values())
    return value is not None and value not in ("", [], ())


def _named(name: object) -> str:
    if isinstance(name, Real):
        return setting(float(name))
    return column_words(str(name))


def _text(value: object, name: object) -> str:
    """Return evidence in words.

    Args:
        name: what it is; within a series of numbers, of the series. An lr is shown as it was typed.
    """
    if isinstance(value, Mapping):
        known = {key: entry for key, entry in value.items() if _is_known(entry)}
        is_nested = any(isinstance(entry, Mapping) for entry in known.values())
        parts = [
            f"{_named(key)}: {_text(entry, key if isinstance(key, str) else name)}" for key, entry in known.items()
        ]
        return ("; " if is_nested else ", ").join(parts)
    if isinstance(value, list | tuple):
        return ", ".join(_text(entry, name) for entry in value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Real):
        is_setting = isinstance(value, Integral) or {"lr", "lrs"} & set(str(name).split("_"))
        return setting(float(value)) if is_setting else number(float(value))
    return str(value)
