"""A workload that is edited between an interruption and --resume, by the command a person types."""

from __future__ import annotations

import json

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from tests.grid_command import is_one_line_that_tells
from tests.person import GROWN, MORE_METRICS, TASK, Captured, Person, refused


def test_data_that_grew_or_shrank_are_refused_whatever_else_is_asked(person: Person, capsys: Captured) -> None:
    assert person.begin(interrupted_after=100) == 130
    person.edit(GROWN)
    for flags in ([], ["--seeds", "0", "1"], ["--dry-run"]):
        told = refused(person, capsys, *flags)
        assert "edited_task.py was edited" in told
        assert "the training set has 800 examples, not 400" in told
    person.edit(TASK.replace("COUNT = 400", "COUNT = 12"))  # fewer than a batch
    assert "the training set has 12 examples, not 400" in refused(person, capsys)


def test_a_change_that_is_accepted_begins_the_unfinished_trials_anew_and_keeps_their_parts(person: Person) -> None:
    assert person.begin(interrupted_after=100) == 130
    (trial,) = (folder.name for folder in (person.study / "live").iterdir())
    recorded = open_study(person.study, live=True).iterations()
    assert len(recorded) > 10
    person.edit(GROWN)
    assert person.resume("--accept-changes") == 0
    assert person.versions == {8: 2, 16: 2}
    assert open_study(person.study).iterations(trial_id=trial)["iteration"].tolist() == list(range(1, 301))
    parts = sorted((person.study / "set_aside" / f"{trial}-v1").glob("*/iterations-*.parquet"))
    assert parts
    assert (person.asked["train_examples"], [v["version"] for v in person.asked["versions"]]) == (800, [1, 2])  # type: ignore[attr-defined]
    assert list(problems(study_paths(person.study))) == []


def test_a_metric_that_comes_and_goes_leaves_no_schema_error_behind(person: Person, capsys: Captured) -> None:
    assert person.begin(interrupted_after=100) == 130
    person.edit(MORE_METRICS)
    assert "a metric came in: error" in refused(person, capsys)
    person.edit(TASK)
    assert person.resume() == 0
    assert person.versions == {8: 1, 16: 1}
    assert list(problems(study_paths(person.study))) == []


def test_trials_of_two_versions_have_their_own_metrics_and_the_report_does_not_pool_them(
    reporting_person: Person, capsys: Captured
) -> None:
    person = reporting_person
    assert person.begin("--seeds", "0", "1", interrupted_after=700) == 130  # in the third trial of four
    ended = open_study(person.study).trials()["trial_id"].tolist()
    assert len(ended) == 2
    person.edit(MORE_METRICS)
    assert person.resume("--accept-changes") == 0
    assert person.versions == {8: 1, 16: 2}
    errors = open_study(person.study).evaluations(["trial_id", "error"])
    assert errors.loc[errors["error"].isna(), "trial_id"].unique().tolist() == ended
    assert list(problems(study_paths(person.study))) == []
    said = " ".join(capsys.readouterr().out.split())
    assert "not pooled: 2 of version 1 and 2 of version 2. All that is said here is of version 2 alone" in said
    found = analyse(open_study(person.study))
    assert set(found.tables.convergence["batch_size"]) == {16}
    marked = found.tables.versions.set_index("trial_id")["workload_version"]
    assert {trial_id: marked[trial_id] for trial_id in ended} == dict.fromkeys(ended, 1)
    assert (person.study / "report" / "tables" / "versions.csv").exists()


def test_an_edit_that_is_taken_back_after_it_was_accepted_is_the_first_version_again(person: Person) -> None:
    assert person.begin(interrupted_after=100) == 130
    person.edit(GROWN)
    (person.folder / "interrupt").write_text("100")
    assert person.resume("--accept-changes", "--checkpoint-seconds", "0.05") == 130
    (person.folder / "interrupt").unlink()
    person.edit(TASK)
    assert person.resume() == 2
    assert person.resume("--accept-changes") == 0
    assert person.versions == {8: 1, 16: 1}
    assert len(list((person.study / "set_aside").iterdir())) == 2


def test_comments_are_no_change_and_accepting_nothing_does_nothing(person: Person, capsys: Captured) -> None:
    assert person.begin(interrupted_after=100) == 130
    person.edit(f"# a note\n{TASK}")
    assert person.resume("--accept-changes", "--dry-run") == 0
    assert "nothing begins anew" in capsys.readouterr().out
    assert person.resume() == 0
    assert not (person.study / "set_aside").exists()


def test_changes_are_accepted_of_a_study_that_goes_on_alone(person: Person, capsys: Captured) -> None:
    assert person.begin("--accept-changes") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("accept_changes", "--resume"))


def test_a_study_that_no_version_was_recorded_of_goes_on_and_has_one(person: Person, capsys: Captured) -> None:
    assert person.begin(interrupted_after=100) == 130
    older = {name: value for name, value in person.asked.items() if name != "versions"}
    (person.study / "study.json").write_text(json.dumps(older))
    person.edit(GROWN)
    assert "the training set has 800 examples, not 400" in refused(person, capsys)
    person.edit(MORE_METRICS)
    assert "a metric came in: error" in refused(person, capsys)
    person.edit(TASK.replace("Linear(2, 8)", "Linear(2, 8, bias=True)"))
    assert person.resume() == 0
    assert [v["version"] for v in person.asked["versions"]] == [1]  # type: ignore[attr-defined]


def test_parts_that_do_not_fit_together_are_set_aside_and_their_trial_begins_anew(person: Person) -> None:
    assert person.begin(interrupted_after=100) == 130
    newest = max((person.study / "live").glob("*/*/evaluations-*.parquet"), key=lambda file: file.name)
    rows = open_study(person.study, live=True).evaluations().assign(error=0.5)  # as an older bs_study mixed them
    rows.to_parquet(newest, index=False)
    assert person.resume() == 0
    trials = open_study(person.study).trials(batch_size=8)
    assert trials["message"].str.contains("began anew").all()
    assert trials["iterations"].tolist() == [300]
    assert len(list((person.study / "set_aside").rglob("iterations-*.parquet"))) > 0
