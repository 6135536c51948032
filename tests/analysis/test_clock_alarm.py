import pandas as pd
import pytest

from bs_study.analysis.clock_alarm import ClockAlarm, clock_alarms, peak_flops

PER_EXAMPLE = 1e9  # FLOPs: a small convolutional network, forward and backward


def alarms(seconds, *, device_name="NVIDIA A100-SXM4-40GB", precision="tf32", device="cuda", examples=None, **columns):
    sizes = list(seconds)
    speed = pd.DataFrame(
        {
            "batch_size": sizes,
            "iteration_seconds": list(seconds.values()),
            "examples_per_iteration": examples or [float(size) for size in sizes],
        }
    )
    timings = pd.DataFrame({"batch_size": sizes, "flops": [int(PER_EXAMPLE * size) for size in sizes]})
    where = {"device_name": device_name, "precision": precision, "device": device, "threads": 2}
    return clock_alarms(speed, timings.assign(**where, **columns))


def test_a_card_that_computes_at_half_of_its_peak_gives_no_alarm():
    assert alarms({size: 2e-3 + size * PER_EXAMPLE / 78e12 for size in (1, 8, 64, 512, 4096)}) == ()


def test_small_batches_that_are_bound_by_launches_give_no_alarm():
    assert alarms(dict.fromkeys((1, 2, 8, 64), 2e-3)) == ()


def test_more_flops_than_the_card_can_make_are_an_alarm_with_the_factor():
    """64,000 GFLOPs in 0.1 s are 640 TFLOP/s, of 156 at most."""
    assert alarms({64: 1e-3, 64_000: 0.1}) == (ClockAlarm("beyond_peak", 64_000, pytest.approx(640 / 156)),)
    assert alarms({64_000: 0.42}) == ()


def test_a_clock_that_measures_launches_alone_is_an_alarm_before_it_passes_the_peak():
    """At batch size 256, 256 GFLOPs in 2.1 ms are 122 of 156 TFLOP/s, as fast as a 32nd of the work."""
    assert alarms({8: 2e-3, 256: 2.1e-3}) == (ClockAlarm("flat", 256, 32.0),)
    assert alarms({8: 1e-3, 256: 2.1e-3}) == ()


def test_a_short_last_batch_computes_less():
    """At batch size 1,024 of 1,437 examples, an iteration has 718.5: 144 TFLOP/s and not 205."""
    assert alarms({1024: 5e-3}, examples=[718.5]) == ()
    assert len(alarms({1024: 5e-3})) == 1


def test_in_fp32_a_convolution_may_make_fewer_products_than_are_counted():
    """The peak is 19.5 TFLOP/s; Winograd's algorithm makes 2.25 times fewer products."""
    assert alarms({30: 1e-3}, precision="fp32") == ()
    assert alarms({50: 1e-3}, precision="fp32") == (ClockAlarm("beyond_peak", 50, pytest.approx(50 / 19.5 / 2.25)),)


def test_an_unknown_card_is_judged_by_the_fastest_known():
    seconds = {64: 1e-3, 2000: 1e-3}
    assert [alarm.batch_size for alarm in alarms(seconds, device_name="abacus")] == [2000]
    assert alarms({64: 1e-3, 512: 1e-3}, device_name="abacus") == ()


def test_a_cpu_is_judged_by_what_its_threads_can_make():
    assert len(alarms({1000: 0.01}, device_name="Xeon", device="cpu", precision="fp32")) == 1
    assert alarms({1000: 1.0}, device_name="Xeon", device="cpu", precision="fp32") == ()


def test_without_counted_flops_nothing_can_be_told():
    assert alarms({64_000: 1e-6}, flops=None) == ()
    assert clock_alarms(pd.DataFrame(), pd.DataFrame({"batch_size": [1]})) == ()


@pytest.mark.parametrize(
    ("name", "bf16"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA GH200 480GB", 989.4),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10G", 125),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("Tesla T4", 65),
        ("Tesla V100-SXM2-16GB", 125),
        ("NVIDIA GeForce RTX 4090", 165.2),
    ],
)
def test_a_card_is_known_by_the_name_that_torch_gives_it(name, bf16):
    assert peak_flops(name, "bf16") == bf16 * 1e12


@pytest.mark.parametrize("name", ["AMD EPYC 7763 64-Core Processor", "NVIDIA A1000", "None"])
def test_a_device_that_the_table_lacks_has_no_peak(name):
    assert peak_flops(name, "fp32") is None
