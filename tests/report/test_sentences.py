"""What is true of every sentence, whatever a study finds: random records, of which a sentence may say no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, get_args

import pytest

from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Claim, Doubt, Reason
from bs_study.analysis.warnings import Kind
from bs_study.report.sentences import verdicts, warnings
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.doubts import doubt, doubts
from bs_study.report.sentences.rivals import rivals
from bs_study.report.sentences.steps import step
from tests.report.random_records import random_analysis
from tests.report.records import verdict

MOST_WORDS = 25


class World(NamedTuple):
    """An analysis, and the sentences of its answer."""

    found: Analysis
    said: list[str]


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    analyses = [random_analysis(seed) for seed in range(100)]
    return [World(found, [one for text in answer(found).sentences for one in sentences(text)]) for found in analyses]


def texts(found: Analysis) -> Iterator[str]:
    """Yield what is said of an analysis beside its answer, but for tables and numbers."""
    for one in found.verdicts:
        yield from (verdicts.claim(one), verdicts.how(one), verdicts.why(one))
    yield from (warnings.warning(one, found) for one in found.warnings)
    yield from (step(one, found) for one in found.recommendation.steps)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\s+(?=[A-Z0-9“])", text) if text else []


def words(sentence: str) -> int:
    """Count words; a recipe's name, which is not ours to shorten, is one."""
    return len(re.findall(r"\S*\w\S*", re.sub(r"“[^”]*”", "name", sentence)))


def sizes(sentence: str) -> set[int]:
    """Return the batch sizes that a sentence names."""
    lists = re.findall(r"batch sizes? ((?:\d+(?:, | and )?)+)", sentence, flags=re.IGNORECASE)
    return {int(size) for names in lists for size in re.findall(r"\d+", names)}


def test_no_sentence_is_longer_than_25_words_or_shows_what_is_missing(worlds: list[World]) -> None:
    said = {sentence for world in worlds for text in texts(world.found) for sentence in sentences(text)}
    said |= {sentence for world in worlds for sentence in world.said}
    assert {sentence for sentence in said if words(sentence) > MOST_WORDS} == set()
    assert {sentence for sentence in said if sentence[-1] not in ".?" or sentence[0].islower()} == set()
    assert {sentence for sentence in said if re.search(r"\bnan\b|\binf\b|None|  |–", sentence)} == set()


def test_a_batch_size_is_called_slower_only_where_a_comparison_knows_it(worlds: list[World]) -> None:
    for found, answered in worlds:
        known = {one.rival.batch_size for one in rivals(found.recommendation.slower).others}
        unknown = rivals(found.recommendation.as_good).others
        for sentence in answered:
            if "slower" in sentence and not sentence.startswith(("Not known", "At batch size")):
                assert sizes(sentence) <= known
        assert not unknown or not any(sentence.startswith("Every other batch size") for sentence in answered)
        assert any(sentence.startswith("Not known to be slower: ") for sentence in answered) == bool(unknown)


def test_an_lr_is_called_slower_only_where_a_comparison_knows_it(worlds: list[World]) -> None:
    for found, answered in worlds:
        known = {f"lr {one.rival.lr:g}" for one in rivals(found.recommendation.slower).lrs}
        for sentence in answered:
            if sentence.startswith("At batch size") and ("slower" in sentence or "can't reach" in sentence):
                assert set(re.findall(r"lr \d\S*\d", sentence)) <= known


def test_nobody_is_said_to_have_missed_the_target_who_reached_it(worlds: list[World]) -> None:
    for found, answered in worlds:
        cells = found.tables.convergence
        reached = set(cells.loc[cells["reached"] > 0, "batch_size"])
        assert not (reached and any(sentence.startswith("No trial reached") for sentence in answered))
        missed = [sentence for sentence in answered if sentence.startswith("No trial of")]
        assert len(found.recipes) > 1 or not any(sizes(sentence) & reached for sentence in missed)


def test_a_verdict_says_why_if_and_only_if_it_is_open_and_then_claims_nothing(worlds: list[World]) -> None:
    for one in (one for world in worlds for one in world.found.verdicts):
        is_open = one.outcome == "undecided"
        assert bool(verdicts.why(one)) == is_open
        assert not is_open or re.search(r"\?$| so far", verdicts.claim(one))


def test_it_wins_by_every_other_clock_only_where_it_has_the_smallest_median_by_each(worlds: list[World]) -> None:
    for found, answered in worlds:
        best, by_clock = found.recommendation.best, found.recommendation.by_clock
        is_first = best is not None and all(one.cell == best.cell for one in by_clock.values())
        assert any("by every other clock" in sentence for sentence in answered) == is_first


@pytest.mark.parametrize("claim", get_args(Claim))
@pytest.mark.parametrize("outcome", ["supported", "contradicted", "undecided"])
def test_each_claim_can_be_said_with_no_evidence_at_all(claim: str, outcome: str) -> None:
    one = verdict(claim=claim, outcome=outcome)
    assert verdicts.claim(one)
    assert "95 %" in verdicts.how(one)
    assert bool(verdicts.why(one)) == (outcome == "undecided")
    assert verdicts.numbers(one) == []


@pytest.mark.parametrize("reason", get_args(Reason))
def test_each_reason_has_words_wherever_it_is(reason: Reason) -> None:
    places = [Doubt(reason), Doubt(reason, "a", 64), Doubt(reason, "", 64, 0.1, 2), Doubt(reason, lr=0.1, count=1)]
    said = [doubt(one) for one in places]
    assert all(clause and not clause.startswith(" ") and "None" not in clause for clause in said)
    assert len(doubts(places)) == 1


def test_every_kind_of_warning_is_among_the_random_ones(worlds: list[World]) -> None:
    assert {one.kind for world in worlds for one in world.found.warnings} == set(get_args(Kind))
