"""What the recipes of a study are called."""

import pytest

from bs_study import StudyConfig
from bs_study.config.recipe_names import named_recipes


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"momentum": [0.9]}, [""]),
        ({"optimizer": ["sgd", "adam"]}, ["SGD", "Adam"]),
        ({"optimizer": ["sgd", "adamw"], "weight_decay": [0, 0.01]}, [
            "SGD, no weight decay", "SGD, weight decay 0.01", "AdamW, no weight decay", "AdamW, weight decay 0.01",
        ]),
        ({"recipes": [{}, {"lr_warmup_epochs": 1}, {"lr_warmup_epochs": 2.5, "lr_decay": "cosine"}]}, [
            "constant lr", "warm-up 1 epoch", "warm-up 2.5 epochs, cosine decay",
        ]),
        ({"lr_decay": "cosine", "lr_warmup_iterations": [0, 100]}, ["no warm-up", "warm-up 100 iterations"]),
        ({"lr_rule": ["none", "linear", "sqrt"], "base_batch_size": 64}, [
            "constant lr", "linear lr rule", "square-root lr rule",
        ]),
        ({"lr_decay": "step", "lr_decay_epochs": [1, 2]}, ["step decay over 1 epoch", "step decay over 2 epochs"]),
        ({"momentum": 0.9, "nesterov": [False, True]}, ["no Nesterov", "Nesterov"]),
    ],
)  # fmt: skip
def test_a_recipe_is_named_by_what_differs_in_the_words_of_the_field(settings, names) -> None:
    assert list(named_recipes(StudyConfig(batch_sizes=[64], lrs=[0.1], max_epochs=5, **settings))) == names
