"""Several terms of one loss file, several critics, views and outputs beside SR in one training step."""

import io

import pytest
import torch
from step_data import (
    LAYERS,
    PATCH,
    SCALE,
    batches,
    discriminator,
    make_step,
    method,
    trained_networks,
    weights,
)
from torch import nn

from gansr.losses.base import LossContext, LossTerm
from gansr.losses.views.region_mask import RegionMaskView
from gansr.networks.build import build_generator
from gansr.schema import plugins
from gansr.training import objective
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

MASK = {"name": "region_mask", "of": "hr", "window": 3, "threshold": 0.3}


def two_critics(**changes):
    given = method(("pixel", "adversarial"))
    textured = {"loss": "adversarial", "weight": 0.01, "objective": "plain", "view": MASK}
    given["losses"] |= {"textured": textured | changes}
    given["critics"] |= {"textured": {"network": "unet_sn", "features": 2}}
    return given


def copied(network):
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_two_adversarial_terms_train_against_a_critic_each():
    step = make_step(two_critics())
    before = {name: weights(network) for name, network in trained_networks(step).items()}
    ((lr, hr),) = batches(1)
    values = step(lr, hr)
    assert list(values) == ["pixel", "adversarial", "textured", "discriminator", "discriminator textured"]
    assert set(before) == {"generator", "ema", "discriminator", "discriminator textured"}
    for name, network in trained_networks(step).items():
        assert not torch.equal(weights(network), before[name]), name
    assert len(step.optimizers) == 3


def test_each_critic_is_shown_what_the_view_of_its_term_shows():
    step = make_step(two_critics())
    seen = {name: [] for name in step.critics}
    for name, critic in step.critics.items():
        critic.network.register_forward_pre_hook(lambda _, given, name=name: seen[name].append(given[0].detach()))
    ((lr, hr),) = batches(1)
    with torch.no_grad():
        sr = step.generator(lr)
    step(lr, hr)
    mask = RegionMaskView(of="hr", window=3, threshold=0.3).mask(lr, hr)
    assert 0 < mask.mean() < 1
    for name, factor in (("adversarial", torch.ones_like(mask)), ("textured", mask)):
        assert len(seen[name]) == 3
        for images, whole in zip(seen[name], (hr, sr, sr), strict=True):
            torch.testing.assert_close(images, whole * factor)


def test_a_second_critic_changes_neither_the_first_one_nor_what_it_is_trained_with():
    one, two = make_step(method(("pixel", "adversarial"))), make_step(two_critics(weight=1e-12))
    for lr, hr in batches(2):
        expected, found = one(lr, hr), two(lr, hr)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)
    torch.testing.assert_close(weights(discriminator(two)), weights(discriminator(one)))


def test_a_second_critic_of_a_term_without_weight_is_left_out():
    step = make_step(two_critics(weight=0))
    assert list(step.critics) == ["adversarial"]
    plain = make_step(method(("pixel", "adversarial")))
    for lr, hr in batches(2):
        assert equal(step(lr, hr), plain(lr, hr))


def test_a_step_with_two_critics_goes_on_bit_for_bit():
    stream = list(batches(5))
    straight = make_step(two_critics())
    for batch in stream[:2]:
        straight(*batch)
    saved = io.BytesIO()
    torch.save(straight.state(), saved)
    rest = [straight(*batch) for batch in stream[2:]]
    saved.seek(0)
    resumed = make_step(two_critics(), seed=99)
    resumed.restore(torch.load(saved, weights_only=True))
    for batch, expected in zip(stream[2:], rest, strict=True):
        assert equal(expected, resumed(*batch))
    for name, network in trained_networks(straight).items():
        assert equal(copied(network), copied(trained_networks(resumed)[name])), name


def test_one_loss_file_serves_under_two_names():
    given = method(("pixel",))
    given["losses"] = {"pixel": {"weight": 0.25}, "again": {"loss": "pixel", "weight": 0.75}}
    step = make_step(given)
    whole = make_step({**given, "losses": {"pixel": {"weight": 1.0}}})
    for lr, hr in batches(2):
        values, expected = step(lr, hr), whole(lr, hr)
        assert torch.equal(values["pixel"], values["again"])
        torch.testing.assert_close(values["pixel"], expected["pixel"])
    torch.testing.assert_close(weights(step.generator), weights(whole.generator))


def test_two_terms_of_one_file_have_options_of_their_own():
    given = method(("pixel", "perceptual"))
    other = {"loss": "perceptual", "layers": {"conv1_1": 1.0}, "weights": "random", "width": 4, "weight": 1.0}
    given["losses"] |= {"shallow": other}
    step = make_step(given)
    assert step.terms["perceptual"].loss.layers == LAYERS
    assert step.terms["shallow"].loss.layers == {"conv1_1": 1.0}
    ((lr, hr),) = batches(1)
    values = step(lr, hr)
    assert values["perceptual"] != values["shallow"]


def test_a_term_sees_its_view_of_hr_and_sr_and_others_see_all():
    given = method(("pixel",))
    given["losses"] |= {"textured": {"loss": "pixel", "weight": 1.0, "view": MASK}}
    step = make_step(given)
    ((lr, hr),) = batches(1)
    with torch.no_grad():
        sr = step.generator(lr)
    mask = RegionMaskView(of="hr", window=3, threshold=0.3).mask(lr, hr)
    values = step(lr, hr)
    torch.testing.assert_close(values["pixel"], (sr - hr).abs().mean())
    torch.testing.assert_close(values["textured"], ((sr - hr) * mask).abs().mean())
    assert values["textured"] < values["pixel"]


def test_the_ema_models_sr_is_shown_as_sr_is():
    given = method(("pixel", "artifact"))
    given["losses"]["artifact"] = {"weight": 1.0, "view": MASK}
    step = make_step(given)
    seen = []
    step.terms["artifact"].loss.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for lr, hr in batches(2):
        step(lr, hr)
        mask = RegionMaskView(of="hr", window=3, threshold=0.3).mask(lr, hr)
        outputs = seen.pop()
        flat = (mask == 0).expand_as(hr)
        for images in (outputs.hr, outputs.sr, outputs.ema_sr):
            assert (images[flat] == 0).all()
            assert (images[~flat] != 0).any()


LUMA = '''
"""Luma alone."""
from gansr.losses.views.base import Shown, View


def channels(options):
    return 1 if options["gray"] else 3


class LumaView(View):
    def __init__(self, *, gray: bool = True) -> None:
        super().__init__()

    def forward(self, lr, hr):
        return Shown(hr.mean(1, keepdim=True), lambda sr: sr.mean(1, keepdim=True))
'''


@pytest.mark.parametrize("network", ["vgg", "unet_sn"])
def test_a_critic_has_the_channels_that_its_view_shows(monkeypatch, tmp_path, network):
    (tmp_path / "luma_of_a_test.py").write_text(LUMA)
    monkeypatch.setitem(plugins.FOLDERS, "view", str(tmp_path))
    namespace = {"__name__": "gansr.losses.views.luma_of_a_test"}
    exec(LUMA, namespace)
    monkeypatch.setattr(objective, "build_view", lambda given: namespace["LumaView"]())
    given = method(("pixel", "adversarial"))
    given["losses"]["adversarial"] = {"weight": 0.1, "view": {"name": "luma_of_a_test", "gray": True}}
    given["critics"] = {"adversarial": {"network": network, "features": 2}}
    step = make_step(given)
    seen = []
    discriminator(step).register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1:]))
    for lr, hr in batches(1):
        assert all(torch.isfinite(value) for value in step(lr, hr).values())
    assert seen == [(1, PATCH, PATCH)] * 3


# ---- outputs of the generator beside SR


class Branching(nn.Module):
    """A generator that gives its features as well, in training."""

    def __init__(self):
        super().__init__()
        self.inner = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
        self.branch = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, lr):
        sr = self.inner(lr)
        return (sr, {"edges": self.branch(sr)}) if self.training else sr


class EdgesLoss(LossTerm):
    """The mean absolute value of an output."""

    def forward(self, outputs):
        return outputs.extras["edges"].abs().mean()


def branching_step(monkeypatch, **engine):
    plain = objective.build_loss
    monkeypatch.setattr(
        objective,
        "build_loss",
        lambda name, options, context: EdgesLoss(context) if name == "edges" else plain(name, options, context),
    )
    given = method(("pixel", "artifact"))
    given["losses"] |= {"edges": {"weight": 0.1}}
    torch.manual_seed(0)
    return TrainingStep(Branching(), given, LossContext(0), Engine(torch.device("cpu"), **engine))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_terms_get_what_the_generator_gives_beside_sr(monkeypatch, precision):
    step = branching_step(monkeypatch, precision=precision)
    start = step.generator.branch.weight.detach().clone()
    for lr, hr in batches(2):
        values = step(lr, hr)
    assert values["edges"].dtype == torch.float32
    assert not torch.equal(step.generator.branch.weight, start)


def test_where_the_generator_gives_sr_alone_there_are_no_extras():
    step = make_step(method(("pixel",)))
    seen = []
    step.terms["pixel"].loss.register_forward_pre_hook(lambda _, given: seen.append(given[0].extras))
    for lr, hr in batches(1):
        step(lr, hr)
    assert seen == [{}]
