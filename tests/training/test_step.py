"""One training iteration: what it updates, what it leaves alone, and what it refuses."""

import io

import pytest
import torch
from step_data import BATCH, PATCH, batches, discriminator, make_step, method, trained_networks
from torch import nn

from gansr.losses.base import Outputs
from gansr.losses.pixel import PixelLoss
from gansr.training.ema import ema_model, update_ema
from gansr.training.stage import NotFiniteError


def equal(one, other):
    return all(torch.equal(value, other[key]) for key, value in one.items())


def copied(network):
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def test_the_discriminator_runs_three_times_an_iteration():
    step = make_step(method())
    calls = []
    discriminator(step).register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))
    for count, (lr, hr) in enumerate(batches(3), start=1):
        step(lr, hr)
        # real and fake patches are batches of their own: they have their own normalisation statistics
        assert calls == [torch.Size((BATCH, 3, PATCH, PATCH))] * 3 * count


@pytest.mark.parametrize(("refine", "runs"), [(True, 1), (False, 0)])
def test_the_ema_model_runs_only_where_a_term_reads_it(refine, runs):
    given = method(("pixel", "artifact"))
    given["losses"] = {"pixel": {"weight": 1.0}, "artifact": {"weight": 1.0, "ema_refine": refine}}
    step = make_step(given)
    modes = []

    def note(module, _):
        modes.append((module.training, torch.is_grad_enabled()))

    step.ema.register_forward_pre_hook(note)
    for lr, hr in batches(1):
        step(lr, hr)
    assert modes == [(False, False)] * runs


def test_the_generator_update_leaves_the_discriminator_alone_and_it_can_learn_again():
    step = make_step(method())
    before = copied(discriminator(step))
    ((lr, hr),) = batches(1)
    outputs = Outputs(lr, hr, step.generator(lr), step.ema(lr))
    shown = {name: term.shown(lr, hr) for name, term in step.terms.items()}
    step._update_generator(outputs, shown, {"adversarial": discriminator(step)(hr)})
    assert all(torch.equal(before[key], value) for key, value in discriminator(step).named_parameters())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in discriminator(step).parameters())


def test_ema_follows_its_recursion_from_the_start_weights():
    step = make_step(method(("pixel",)))
    expected = {key: value.detach().double() for key, value in step.generator.named_parameters()}
    assert equal(copied(step.ema), copied(step.generator))
    for lr, hr in batches(6):
        step(lr, hr)
        for key, value in step.generator.named_parameters():
            expected[key] = 0.9 * expected[key] + 0.1 * value.detach().double()
        for key, value in step.ema.named_parameters():
            torch.testing.assert_close(value.double(), expected[key], rtol=1e-5, atol=1e-7)
    assert not equal(copied(step.ema), copied(step.generator))


def test_ema_is_updated_with_its_decay_the_first_time_too():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    average = ema_model(network)
    nn.init.constant_(network.weight, 2.0)
    update_ema(average, network, 0.999)
    assert average.weight.item() == pytest.approx(1.001)


def test_buffers_are_not_averaged():
    network = nn.BatchNorm1d(2)
    average = ema_model(network)
    with torch.no_grad():
        network.running_mean.fill_(8.0)
        network.weight.fill_(3.0)
    update_ema(average, network, 0.5)
    assert torch.equal(average.weight, torch.full((2,), 2.0))
    assert torch.equal(average.running_mean, network.running_mean)


def test_the_ema_model_is_in_evaluation_mode_and_has_no_gradient():
    average = make_step(method()).ema
    assert not any(module.training for module in average.modules())
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_without_decay_there_is_no_ema_model():
    step = make_step(method(("pixel",), ema_decay=None))
    assert step.ema is None
    for lr, hr in batches(1):
        assert set(step(lr, hr)) == {"pixel"}


def test_without_the_adversarial_term_there_is_no_discriminator():
    step = make_step(method(("pixel", "perceptual")))
    assert step.critics == {}
    assert len(step.optimizers) == 1


def test_a_term_of_weight_zero_is_left_out():
    given = method()
    given["losses"] = {name: {**options, "weight": 0} for name, options in given["losses"].items()}
    given["losses"]["pixel"]["weight"] = 1.0
    step = make_step(given)
    assert set(step.terms) == {"pixel"}
    assert step.critics == {}


def test_values_are_those_before_the_weight():
    values = []
    for weight in (0.01, 10.0):
        given = method(("pixel",))
        given["losses"] = {"pixel": {"weight": weight}}
        step = make_step(given)
        ((lr, hr),) = batches(1)
        expected = (step.generator(lr) - hr).abs().mean().item()
        values.append(step(lr, hr)["pixel"].item())
        assert values[-1] == pytest.approx(expected, rel=1e-6)
    assert values[0] == values[1]


def test_the_learning_rates_fall_at_the_milestones():
    step = make_step(method(schedule={"milestones": [2, 3], "gamma": 0.5}))
    rates = []
    for lr, hr in batches(4):
        step(lr, hr)
        rates.append(step.learning_rate)  # of the iteration just made, as the log has it
        used = [optimizer.param_groups[0]["lr"] for optimizer in step.optimizers]
        assert used == [rates[-1]] * 2
    assert rates == [1e-3, 1e-3, 5e-4, 2.5e-4]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_and_nothing_is_updated(monkeypatch, bad):
    step = make_step(method())
    stream = list(batches(2))
    step(*stream[0])
    before = {name: copied(network) for name, network in trained_networks(step).items()}
    monkeypatch.setattr(PixelLoss, "forward", lambda _, outputs: outputs.sr.mean() * bad)
    with pytest.raises(NotFiniteError, match=f"pixel became .*{str(bad)[:3]}"):
        step(*stream[1])
    for name in ("generator", "ema"):
        assert equal(before[name], copied(getattr(step, name)))
    assert all(
        torch.equal(before["discriminator"][key], value) for key, value in discriminator(step).named_parameters()
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_term_is_blamed_for_an_output_of_the_generator_that_is_not_finite(bad):
    step = make_step(method())
    *_, bias = step.generator.parameters()
    with torch.no_grad():
        bias.fill_(bad)
    before = copied(step.ema)
    ((lr, hr),) = batches(1)
    with pytest.raises(NotFiniteError, match=f"^the generator's output became {bad}$"):
        step(lr, hr)
    assert equal(before, copied(step.ema))


def test_a_discriminator_loss_that_is_not_finite_is_named(monkeypatch):
    step = make_step(method())
    monkeypatch.setattr(
        step.terms["adversarial"].loss, "discriminator_loss", lambda real, fake: real.mean() * float("nan")
    )
    before = copied(discriminator(step))
    ((lr, hr),) = batches(1)
    with pytest.raises(NotFiniteError, match="discriminator became nan"):
        step(lr, hr)
    assert all(torch.equal(before[key], value) for key, value in discriminator(step).named_parameters())


@pytest.mark.parametrize("schedule", [
    {"milestones": [3], "gamma": 0.1}, {"periods": 2, "warmup": 1, "warmup_factor": 0.1, "minimum": 1e-7}
])  # fmt: skip
def test_a_restored_step_goes_on_bit_for_bit(schedule):
    given = method(schedule=schedule, iterations=6)
    stream = list(batches(5))
    straight = make_step(given)
    for batch in stream[:2]:
        straight(*batch)
    saved = io.BytesIO()
    torch.save(straight.state(), saved)
    rest = [straight(*batch) for batch in stream[2:]]

    saved.seek(0)
    # the perceptual network is made from the context's seed and is no part of the state
    resumed = make_step(given, seed=99, context_seed=0)
    resumed.restore(torch.load(saved, weights_only=True))
    for batch, expected in zip(stream[2:], rest, strict=True):
        assert equal(expected, resumed(*batch))
    for one, other in zip(trained_networks(straight).values(), trained_networks(resumed).values(), strict=True):
        assert equal(copied(one), copied(other))
    assert resumed.learning_rate == straight.learning_rate
    if "milestones" in schedule:
        assert straight.learning_rate == pytest.approx(1e-4)
