"""What the name of a metric tells."""

from __future__ import annotations

import pytest

from bs_study.metric_names import ANY, FRACTION, bounds_of, direction_of, is_fraction, no_mean_by_name

LOWER = """
    loss Loss valLoss test_loss log_loss dice_loss error err max_error mse MSE rmse val_rmse mae mape rmsle ppl
    mean_squared_error mean_absolute_error perplexity
    bpc bpb nll negative_log_likelihood cross_entropy wer cer word_error_rate
    brier brier_score ece fid kl kl_divergence hinge top5_error error_rate top1_error accuracy_loss false_negative_rate
"""
HIGHER = """
    accuracy acc test_accuracy valAcc top1 top5 top5_accuracy f1 f1_score f1_macro macro_f1 auc roc_auc auroc ap map
    map50 mean_average_precision average_precision precision recall recall_at_10 iou mIoU mean_iou dice r2 r2_score bleu
    rouge rougeL rouge_l psnr ssim spearman pearson kappa cohen_kappa mcc ndcg ndcg10 mrr hits hits_at_10
    explained_variance log_likelihood true_negative_rate exact_match hits@1 val/acc top5-accuracy
"""
UNKNOWN = """
    score gap x quality distance time accuracy_gap accuracy_drop loss_reduction neg_mean_squared_error loss_ratio
    entropy variance loss_accuracy scores error_recall
"""


@pytest.mark.parametrize("metric", LOWER.split())
def test_of_these_lower_is_better(metric: str) -> None:
    assert direction_of(metric) == "min"


@pytest.mark.parametrize("metric", HIGHER.split())
def test_of_these_higher_is_better(metric: str) -> None:
    assert direction_of(metric) == "max"


@pytest.mark.parametrize("metric", UNKNOWN.split())
def test_these_names_do_not_tell(metric: str) -> None:
    assert (direction_of(metric), bounds_of(metric)) == (None, ANY)


def test_a_fraction_is_one_by_its_last_word_and_unless_it_says_percent() -> None:
    assert [is_fraction(name) for name in ("test_accuracy", "f1_macro", "error_rate", "miou")] == [True] * 4
    named = ("accuracy_loss", "accuracy_percent", "accuracy%", "accuracy_gap", "bleu", "loss", "top5_error")
    assert [is_fraction(name) for name in named] == [False] * 7
    assert FRACTION.allow(1.0)
    assert not FRACTION.allow(1.01)


def test_a_name_tells_what_is_worked_out_over_a_set_but_not_what_is_usual_of_one_image_or_query() -> None:
    of_a_set = "rmse val_rmse ppl r2 r_squared f1 f1_macro auroc roc_auc precision recall kappa mcc pearson bleu"
    assert [name for name in of_a_set.split() if no_mean_by_name(name) is None] == []
    of_one = "accuracy acc iou dice ndcg ap mrr recall@10 recall_at_10 precision_at_k loss mse mae score f1_gap"
    assert [name for name in of_one.split() if no_mean_by_name(name)] == []
    known = no_mean_by_name("val_rmse")
    assert known == ("rmse", "torchmetrics.MeanSquaredError(squared=False)")
