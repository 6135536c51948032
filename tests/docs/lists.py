"""The lists of the pages: settings from the config, columns from the schema, workloads and studies from themselves."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
from pydantic.fields import FieldInfo

from bs_study.cli.costs import FLAGS as COST_FLAGS
from bs_study.config.asked import FIELDS
from bs_study.config.recipe import AXES
from bs_study.store.schema import COLUMNS, KEY_COLUMNS, SETTINGS, TABLES, Column
from bs_study.workloads.base import load_workload
from bs_study.workloads.built_in import BUILT_IN
from tests.docs.pages import ROOT

STUDIES = ROOT / "bs_study" / "config" / "studies"
GROUPS = {
    "Workload, grid and search": (
        *("workload", "target", "targets", "question", "at", "name", "batch_sizes", "lrs", "seeds", "max_seeds"),
        *("search", "race_margin", "lr_start", "lr_factor", "refine", "recipes"),
    ),
    "Budget and end of a trial": (
        *("max_epochs", "max_iterations", "max_examples", "max_train_seconds", "stop_at_target", "target_window"),
        *("min_iterations", "loss_limit", "loss_limit_iterations"),
    ),
    "Optimizer and learning rate": (
        *("optimizer", "momentum", "nesterov", "weight_decay", "beta1", "beta2", "eps", "clip_norm"),
        *("lr_warmup_iterations", "lr_warmup_epochs", "lr_decay", "lr_decay_iterations", "lr_decay_epochs"),
        *("lr_decay_factor", "lr_rule", "base_batch_size"),
    ),
    "Evaluation": (
        *("eval_spacing", "max_eval_share", "eval_every_examples", "eval_batch_size", "validation_examples"),
        "validation_seed",
    ),
    "Gradients": ("probes", "curvature"),
    "How an iteration runs": (
        *("precision", "engine", "micro_batch", "kernels", "loader", "loader_processes", "warmup_iterations"),
    ),
    "Where it runs": (
        *("store", "data_dir", "local", "address", "gpus_per_trial", "cpus_per_trial", "max_concurrent", "timing"),
    ),
    "Patience and writing": (
        *("checkpoint_seconds", "report_seconds", "store_patience_seconds", "trial_timeout", "max_failures"),
    ),
    "Trackers": ("tensorboard", "wandb", "mlflow"),
}
"""Every setting, in the group that its page has it in."""


def settings() -> str:
    """Return a table of settings for each group."""
    parts = []
    for title, names in GROUPS.items():
        rows = [_setting(name, FIELDS[name]) for name in names]
        parts.append("\n".join([f"## {title}\n", "| setting | default | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def _setting(name: str, field: FieldInfo) -> str:
    text = field.description or ""
    default = re.search(r" \(([^()]*)\)$", text) if field.default in (None, ()) else None
    if default:
        text = text[: default.start()]
    shown = default[1] if default else "must be given" if field.is_required() else _yaml(field.default)
    choices = _choices(field.annotation)
    one_of = f" ({', '.join(f'`{choice}`' for choice in choices)})" if choices else ""
    return f"| `{name}` | {_cell(shown)} | {_cell(text)}{one_of} |"


def _yaml(value: Any) -> str:
    """Return a default as a study's file has it."""
    if value is None:
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is not Literal:
        return ()
    return tuple(choice for choice in get_args(annotation) if isinstance(choice, str))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def tables() -> str:
    """Return a table of columns for the keys, for each table of the store, and for the settings of a trial."""
    shared = [column for column in COLUMNS["trials"] if column in COLUMNS["timings"] and column not in SETTINGS]
    parts = [_columns("All tables begin with", KEY_COLUMNS)]
    for table in TABLES:
        own = [column for column in COLUMNS[table] if column not in (*shared, *SETTINGS)]
        parts.append(_columns(f"`{table}`", own))
    parts.append(_columns("`trials` and `timings`", shared))
    names = ", ".join(f"`{column.name}`" for column in SETTINGS)
    of_timings = ", ".join(f"`{column.name}`" for column in COLUMNS["timings"] if column in SETTINGS)
    parts.append(f"## Settings in `trials`\n\n{names}.\n\nOf these, `timings` has {of_timings}.")
    return "\n\n".join(parts)


_TYPES = {
    pa.bool_(): "yes or no",
    pa.string(): "text",
    pa.int64(): "int64",
    pa.float32(): "float32",
    pa.float64(): "float64",
}


def _columns(title: str, columns: Any) -> str:
    rows = [_column(column) for column in columns]
    return "\n".join([f"## {title}\n", "| column | type | unit | meaning |", "|---|---|---|---|", *rows])


def _column(column: Column) -> str:
    kind = _TYPES.get(column.type, "time")
    return f"| `{column.name}` | {kind} | {column.unit or ''} | {_cell(column.meaning)} |"


def workloads() -> str:
    """Return a table of the workloads that come with the package."""
    rows = ["| workload | data | model and split | parameters | target |", "|---|---|---|---|---|"]
    for name, place in BUILT_IN.items():
        module = importlib.import_module(place.partition(":")[0])
        workload = load_workload(name)
        own = vars(module)[place.partition(":")[2]]
        parameters = sum(tensor.numel() for tensor in workload.model().parameters())
        texts = [str(of.__doc__).strip().partition("\n")[0] for of in (module, own)]
        rows.append(f"| `{name}` | {texts[0]} | {texts[1]} | {parameters:,} | `{workload.target}` |")
    return "\n".join(rows)


def studies() -> str:
    """Return a table of the studies that ship, each with the first sentence of its file."""
    rows = ["| study | what it trains |", "|---|---|"]
    for file in sorted(STUDIES.glob("*.yaml")):
        comment = " ".join(
            re.findall(r"^# ?(.*)", file.read_text(encoding="utf-8").partition("\n#\n")[0], re.MULTILINE)
        )
        rows.append(f"| `{file.stem}` | {comment} |")
    return "\n".join(rows)


def cost_flags() -> str:
    """Return a table of the flags of costs."""
    rows = ["| flag | value | meaning |", "|---|---|---|"]
    for name, flag in COST_FLAGS.items():
        several = " ..." if flag.takes_several else ""
        rows.append(f"| `--{name.replace('_', '-')}` | {flag.metavar}{several} | {_cell(flag.told)} |")
    return "\n".join(rows)


def axes() -> str:
    """Return the settings in which recipes may differ."""
    return ", ".join(f"`{name}`" for name in AXES) + "."
