"""The training step computes what the papers' code does: eager, float32, every pass made where it is written.

In torch's default memory format the two are equal within 1e-6 in float32 itself. In another format the same sums have
another order, and batch normalisation enlarges what rounding leaves: there they are compared in float64.
"""

import sys
from pathlib import Path

import pytest
import torch
from step_data import gradients, relative_error, trained_networks, weights

from gansr.training.engine import Engine

METHODS = ("pretrain", "gan", "ldl", "beby")
NETWORKS = {"srresnet": {"features": 8, "blocks": 1}, "rrdb": {"features": 8, "blocks": 1}}


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "speed")
        import training

        yield training
    for name in ("training", "plain_step", "plain"):
        sys.modules.pop(name, None)


def both_steps(benchmark, network, name, dtype, **engine):
    """The papers' method on small networks, stepped fast and plainly, and a batch."""
    method = benchmark.method_of(name, 2, 128 if name == "beby" else 64)
    if "perceptual" in method["losses"]:
        method["losses"]["perceptual"]["width"] = 8
    for critic in method["critics"].values():
        critic["features"] = 4
    step = benchmark.fast_step(network, NETWORKS[network], method, Engine(torch.device("cpu"), **engine))
    for part in (*trained_networks(step).values(), *(term.loss for term in step.terms.values())):
        part.to(dtype)
    return (
        step,
        benchmark.PlainStep(step),
        [image.to(dtype) for image in benchmark.batch_of(method, torch.device("cpu"))],
    )


def assert_equal_within(tolerance, step, plain, values, expected):
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        assert values[name].item() == pytest.approx(value.item(), rel=tolerance), name
    trained = [(step.generator, plain.generator)]
    trained += [(critic.network, plain.critic) for critic in step.critics.values()]
    for found, wanted in trained:
        assert relative_error(gradients(found), gradients(wanted)) < tolerance
        assert relative_error(weights(found), weights(wanted)) < tolerance
    if step.ema is not None:
        assert relative_error(weights(step.ema), weights(plain.average)) < tolerance


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", METHODS)
def test_losses_gradients_and_weights_are_the_plain_ones_in_float32(benchmark, network, name):
    step, plain, batch = both_steps(benchmark, network, name, torch.float32, channels_last=False)
    start = weights(step.generator)
    values, expected = step(*batch), plain(*batch)
    assert set(values) == {*step.terms, *(critic.label for critic in step.critics.values())}
    assert_equal_within(1e-6, step, plain, values, expected)
    assert relative_error(weights(step.generator), start) > 1e-6  # something was learnt


@pytest.mark.parametrize("name", METHODS)
def test_channels_last_changes_losses_by_rounding_alone(benchmark, name):
    step, plain, batch = both_steps(benchmark, "rrdb", name, torch.float32, channels_last=True)
    values, expected = step(*batch), plain(*batch)
    for term, value in expected.items():
        # batch normalisation of few pixels enlarges what rounding leaves
        assert values[term].item() == pytest.approx(value.item(), rel=3e-5), term


@pytest.mark.parametrize("name", METHODS)
def test_in_float64_iterations_are_the_plain_ones_in_channels_last(benchmark, name):
    """Maps, masks and searches work in float32 in both; the rest agrees to 1e-13 and better."""
    step, plain, batch = both_steps(benchmark, "rrdb", name, torch.float64, channels_last=True)
    for _ in range(2):
        values, expected = step(*batch), plain(*batch)
        assert_equal_within(1e-6, step, plain, values, expected)
