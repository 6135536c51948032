"""What the name of a metric tells: which way is better, and the values that it can't go beyond."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

Direction = Literal["max", "min"]

BETTER: dict[Direction, str] = {"max": "higher", "min": "lower"}
SIGNS: dict[Direction, str] = {"max": ">=", "min": "<="}


class Bounds(NamedTuple):
    """The values that a metric can't go beyond; an infinite one is none."""

    low: float = -math.inf
    high: float = math.inf

    def allow(self, value: float) -> bool:
        return self.low <= value <= self.high


ANY, FRACTION, SIGNED = Bounds(), Bounds(0.0, 1.0), Bounds(-1.0, 1.0)
_POSITIVE = Bounds(low=0.0)

# Words of names, one or several of them. Those of a row are better in one direction and have the same bounds.
_WORDS: tuple[tuple[Direction, Bounds, str], ...] = (
    (
        "max",
        FRACTION,
        "accuracy acc top1 top3 top5 top10 topk precision recall sensitivity specificity f1 fbeta fscore",
    ),
    ("max", FRACTION, "auc auroc auprc aupr ap map iou miou jaccard dice ndcg mrr exact_match hit_rate"),
    ("max", FRACTION, "tpr tnr true_positive_rate true_negative_rate"),
    ("max", Bounds(high=1.0), "r2 rsquared r_squared explained_variance"),
    ("max", SIGNED, "spearman pearson kendall correlation concordance kappa mcc matthews ssim"),
    ("max", ANY, "hits bleu sacrebleu rouge rougel meteor chrf cider psnr log_likelihood loglikelihood"),
    ("min", FRACTION, "fpr fnr eer false_positive_rate false_negative_rate error_rate miss_rate misclassification ece"),
    ("min", _POSITIVE, "error err mse rmse mae mape smape msle rmsle mase brier fid kid lpips kl hinge huber"),
    ("min", _POSITIVE, "wer cer word_error_rate char_error_rate character_error_rate"),
    ("min", _POSITIVE, "loss logloss cross_entropy crossentropy xent ce bce deviance bpc bpb"),
    ("min", Bounds(low=1.0), "perplexity ppl"),
    ("min", ANY, "nll bpd neg_log_likelihood negative_log_likelihood"),
)
_KINDS = {word: (direction, bounds) for direction, bounds, words in _WORDS for word in words.split()}
_LONGEST = max(word.count("_") for word in _KINDS) + 1

# With one of these a name tells nothing: of an accuracy drop less is better, of a negative error more.
_TURNING = {
    *("neg", "negative", "minus", "inv", "inverse", "gap", "drop", "change", "delta", "diff", "difference", "ratio"),
    *("reduction", "improvement", "gain", "std", "var", "variance", "scale", "weight", "entropy"),
}
_PERCENT = {"percent", "percentage", "pct"}


# What is worked out over a whole set, which is not the mean of what single examples have. Left out is what is usual of
# one image or query, as IoU and average precision.
_OF_A_SET = {
    "rmse": "MeanSquaredError(squared=False)",
    "rmsle": "Metric, and not MeanSquaredLogError, which has no root",
    "r2 rsquared r_squared": "R2Score",
    "explained_variance": "ExplainedVariance",
    "perplexity ppl": "text.Perplexity",
    "f1 fscore": "F1Score",
    "fbeta": "FBetaScore",
    "precision": "Precision",
    "recall sensitivity tpr": "Recall",
    "specificity tnr": "Specificity",
    "auc auroc": "AUROC",
    "auprc aupr": "AveragePrecision",
    "kappa": "CohenKappa",
    "mcc matthews": "MatthewsCorrCoef",
    "pearson": "PearsonCorrCoef",
    "spearman": "SpearmanCorrCoef",
    "kendall": "KendallRankCorrCoef",
    "concordance": "ConcordanceCorrCoef",
    "bleu": "text.BLEUScore",
    "sacrebleu": "text.SacreBLEUScore",
    "ece": "CalibrationError",
}
_SETS = {word: name for words, name in _OF_A_SET.items() for word in words.split()}


def no_mean_by_name(metric: str) -> tuple[str, str] | None:
    """Return the word of a name that says it is worked out over a whole set, and the torchmetric; None of others.

    >>> no_mean_by_name("val_rmse"), no_mean_by_name("recall@10"), no_mean_by_name("accuracy")
    (('rmse', 'torchmetrics.MeanSquaredError(squared=False)'), None, None)
    """
    parts = _parts(metric)
    of_a_query = any(part.isdigit() or part in ("at", "k") for part in parts)  # the first ten, say
    words = ["_".join(parts[place : place + length]) for length in (1, 2) for place in range(len(parts) + 1 - length)]
    word = next((word for word in words if word in _SETS), None)
    return None if word is None or of_a_query or _TURNING.intersection(parts) else (word, f"torchmetrics.{_SETS[word]}")


def direction_of(metric: str) -> Direction | None:
    """Return which way a metric is better by its name; None where the name does not tell.

    Of words that contradict each other the last decides if less of it is better.

    >>> direction_of("val_rmse"), direction_of("test_accuracy"), direction_of("top5_error"), direction_of("score")
    ('min', 'max', 'min', None)
    """
    known = [direction for direction, _ in _known(metric)]
    return known[-1] if known and (known[-1] == "min" or set(known) == {"max"}) else None


def bounds_of(metric: str) -> Bounds:
    """Return the values that a metric can't go beyond by its name, its last known word.

    Names are given freely: a loss may be a log density and below 0, an accuracy may be in percent.

    >>> bounds_of("test_accuracy"), bounds_of("rmse").low, bounds_of("accuracy_percent") == bounds_of("score") == ANY
    (Bounds(low=0.0, high=1.0), 0.0, True)
    """
    return _known(metric)[-1][1] if direction_of(metric) and not _in_percent(metric) else ANY


def _in_percent(metric: str) -> bool:
    return "%" in metric or bool(_PERCENT.intersection(_parts(metric)))


def is_fraction(metric: str) -> bool:
    """Return whether a metric by its name is a fraction, 0 to 1."""
    return bounds_of(metric) == FRACTION


def _known(metric: str) -> list[tuple[Direction, Bounds]]:
    """Return what the known words of a name tell, in order; nothing where another word may turn it."""
    parts, found, place = _parts(metric), [], 0
    while place < len(parts):
        for length in range(min(_LONGEST, len(parts) - place), 0, -1):
            kind = _kind("_".join(parts[place : place + length]))
            if kind:
                found.append(kind)
                break
        else:
            if parts[place] in _TURNING:
                return []
            length = 1
        place += length
    return found


def _kind(word: str) -> tuple[Direction, Bounds] | None:
    """Return what a word tells, as f1 and ndcg10, whose number says at how many."""
    return _KINDS.get(word) or _KINDS.get(word.rstrip("0123456789"))


def _parts(metric: str) -> list[str]:
    """Return the words of a name, valLoss and val/loss being val_loss."""
    if _kind(metric.lower()):
        return [metric.lower()]
    return [part for part in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric).lower()) if part]
