"""The flags of `run` and `time` in the order in which people set them; each setting is a flag."""

from __future__ import annotations

from collections.abc import Iterator

from bs_study.config.asked import FIELDS

ACTIONS = {
    "config": "YAML file of the study; with --resume its lists are added to the study, and its other settings must be "
    "those of the study (default: the study that ships for the workload)",
    "resume": "go on with the study in this folder, as results/digits; --batch-sizes, --lrs, --seeds and --recipes "
    "that it does not have yet are added to it, and so are more --max-seeds, --seeds auto and --refine",
    "accept_changes": "with --resume: go on though the workload or its data have changed; unfinished trials begin anew",
    "dry_run": "print the trials and exit; of more than 100 a summary",
    "all": "with --dry-run: print each trial, however many there are",
    "check": "run one batch through the workload, print what was seen and exit",
}
"""Flags that are no settings."""
VALUES = ("config", "resume")
"""Those of them that take a value."""
RUNS_ALONE = ("dry_run", "all", "check", "timing")
"""Flags that `time` lacks: it does one thing."""
_GROUPS = {
    "the grid": "batch_sizes lrs seeds recipes",
    "target and budget": "target max_epochs max_iterations max_examples | question at max_train_seconds targets "
    "stop_at_target target_window min_iterations",
    "search": "search max_seeds | race_margin lr_start lr_factor refine",
    "begin, look or go on": "name store resume dry_run check | config accept_changes all",
    "where it runs": "local address data_dir | max_concurrent gpus_per_trial cpus_per_trial timing loader_processes",
    "how it trains": "workload optimizer momentum weight_decay lr_decay | lr_warmup_epochs precision nesterov beta1 "
    "beta2 eps clip_norm lr_warmup_iterations lr_decay_iterations lr_decay_epochs lr_decay_factor lr_rule "
    "base_batch_size micro_batch engine loader kernels warmup_iterations",
    "how trials are judged": "| validation_examples validation_seed eval_spacing max_eval_share eval_every_examples "
    "eval_batch_size loss_limit loss_limit_iterations",
    "reports, trackers and patience": "|",
}
"""Flags of each group; after the bar those that only --help-all shows."""
SHORT = {
    "search": "train all, let lrs race, or look for lrs",
    "max_seeds": "of a cell with seeds auto",
    "target": "what to reach, as 'loss<=0.1' or 'accuracy>=0.98'",
    "name": "the study's folder in the store",
    "store": "folder or URI that holds studies",
    "resume": "go on with the study in this folder",
    "seeds": "of each cell; auto: more where they decide",
    "recipes": "sets of settings to train the grid with",
    "max_epochs": "budget in epochs",
    "address": "Ray cluster to join, as host:port",
    "check": "try one batch of the workload and exit",
    "workload": "a built-in, as cifar10, or file.py:Class",
    "lr_decay": "how the lr falls after its warm-up",
    "weight_decay": "L2 penalty, decoupled in adamw",
    "local": "trial after trial in this process, without Ray",
    "data_dir": "folder with data sets",
}
"""What --help says where the setting's own words are too many for it."""


def groups() -> Iterator[tuple[str, list[str], set[str]]]:
    """Yield the title of each group, its flags, and those of them that --help shows; each flag once."""
    split = {title: [part.split() for part in flags.split("|")] for title, flags in _GROUPS.items()}
    named = {flag for parts in split.values() for part in parts for flag in part}
    others = [flag for flag in (*ACTIONS, *FIELDS) if flag not in named]
    for title, (usual, *rest) in split.items():
        last = others if title == [*split][-1] else []
        yield title, [*usual, *(flag for part in rest for flag in part), *last], set(usual)
