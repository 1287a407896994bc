import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gansr.losses.base import LossContext
from gansr.losses.pixel import PixelLoss
from gansr.networks.build import build_generator
from gansr.training.step import NotFiniteError, TrainingStep, ema_model

SCALE, PATCH, BATCH = 4, 32, 4
LAYERS = {"conv1_2": 0.1, "conv2_2": 1.0}
ALL_LOSSES = {
    "pixel": {"weight": 0.01},
    "artifact": {"weight": 1.0},
    "perceptual": {"weight": 0.5, "layers": LAYERS, "weights": "random", "width": 4},
    "adversarial": {"weight": 0.005},
}


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def method(losses=("pixel", "artifact", "perceptual", "adversarial"), **changes):
    return {
        "losses": {name: ALL_LOSSES[name] for name in losses},
        "discriminator": {"network": "vgg", "features": 2} if "adversarial" in losses else None,
        "ema_decay": 0.9,
        "optimizer": {"learning_rate": 1e-3, "betas": (0.9, 0.99)},
        "schedule": {"milestones": [], "gamma": 0.5},
        "patch_size": PATCH,
        **changes,
    }


def make_step(given, seed=0, context_seed=None):
    torch.manual_seed(seed)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    return TrainingStep(
        generator, given, LossContext(seed if context_seed is None else context_seed), torch.device("cpu")
    )


def batches(count, seed=0):
    random = torch.Generator().manual_seed(seed)
    for _ in range(count):
        hr = torch.rand(BATCH, 3, PATCH, PATCH, generator=random)
        noise = torch.rand(BATCH, 3, PATCH // SCALE, PATCH // SCALE, generator=random)
        yield 0.8 * F.avg_pool2d(hr, SCALE) + 0.2 * noise, hr


def equal(one, other):
    return all(torch.equal(value, other[key]) for key, value in one.items())


def copied(network):
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


class AuthorsIteration:
    """One iteration as the authors' code goes, five discriminator passes and all, written plainly."""

    def __init__(self, step, given):
        self.generator = copy.deepcopy(step.generator)
        self.average = copy.deepcopy(step.generator).eval()
        self.discriminator = copy.deepcopy(step.discriminator)
        self.features = copy.deepcopy(step.terms["perceptual"].loss.network) if "perceptual" in step.terms else None
        self.losses = given["losses"]
        rate, betas = given["optimizer"]["learning_rate"], given["optimizer"]["betas"]
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), rate, betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), rate, betas)
        self.decay = given["ema_decay"]

    def __call__(self, lr, hr):
        net_d = self.discriminator
        values = {}
        net_d.requires_grad_(False)
        self.optimizer_g.zero_grad()
        sr = self.generator(lr)
        with torch.no_grad():
            ema_sr = self.average(lr)
        values["pixel"] = (sr - hr).abs().mean()
        if "artifact" in self.losses:
            values["artifact"] = self.artifact(sr, hr, ema_sr)
        if self.features is not None:
            found, target = self.features(sr), self.features(hr.detach())
            values["perceptual"] = sum(w * (found[k] - target[k]).abs().mean() for k, w in LAYERS.items())
        real, fake = net_d(hr).detach(), net_d(sr)
        real_as_fake = F.softplus(real - fake.mean()).mean()
        fake_as_real = F.softplus(-(fake - real.mean())).mean()
        values["adversarial"] = (real_as_fake + fake_as_real) / 2
        sum(self.losses[name]["weight"] * value for name, value in values.items()).backward()
        self.optimizer_g.step()

        net_d.requires_grad_(True)
        self.optimizer_d.zero_grad()
        fake = net_d(sr).detach()
        real = net_d(hr)
        loss_real = 0.5 * F.softplus(-(real - fake.mean())).mean()
        loss_real.backward()
        fake = net_d(sr.detach())
        loss_fake = 0.5 * F.softplus(fake - real.detach().mean()).mean()
        loss_fake.backward()
        self.optimizer_d.step()
        values["discriminator"] = loss_real + loss_fake

        with torch.no_grad():
            for average, weight in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                average.copy_(self.decay * average + (1 - self.decay) * weight)
        return values

    @staticmethod
    def artifact(sr, hr, ema_sr):
        r = (hr - sr).abs().sum(1, keepdim=True)
        sigma = r.flatten(1).var(dim=1).pow(1 / 5).view(-1, 1, 1, 1)
        variance = F.unfold(F.pad(r, (3,) * 4, mode="reflect"), 7).var(dim=1).view_as(r)
        worse = (r >= (hr - ema_sr).abs().sum(1, keepdim=True)).detach()
        weight = sigma * variance * worse
        return (weight * sr - weight * hr).abs().mean()


def relative_error(found, expected):
    return ((found - expected).norm() / expected.norm().clamp_min(1e-30)).item()


def gradients(network):
    return torch.cat([parameter.grad.double().flatten() for parameter in network.parameters()])


def weights(network):
    return torch.cat([parameter.detach().double().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("losses", [("pixel", "adversarial"), ("pixel", "perceptual", "adversarial")])
def test_iterations_equal_the_authors_code_in_float64(float64, losses):
    given = method(losses)
    step = make_step(given)
    authors = AuthorsIteration(step, given)
    for lr, hr in batches(4):
        values, expected = step(lr, hr), authors(lr, hr)
        assert set(values) == set(expected) == {*losses, "discriminator"}
        for name, value in expected.items():
            assert values[name].item() == pytest.approx(value.item(), rel=1e-9), name
        assert relative_error(gradients(step.generator), gradients(authors.generator)) < 1e-7
        assert relative_error(gradients(step.discriminator), gradients(authors.discriminator)) < 1e-7
        for found, wanted in (
            (step.generator, authors.generator),
            (step.discriminator, authors.discriminator),
            (step.ema.module, authors.average),
        ):
            assert relative_error(weights(found), weights(wanted)) < 1e-8


def test_first_iteration_with_all_terms_has_the_gradients_of_the_authors_code():
    given = method()
    step = make_step(given)
    authors = AuthorsIteration(step, given)
    ((lr, hr),) = batches(1)
    values, expected = step(lr, hr), authors(lr, hr)
    for name, value in expected.items():
        assert values[name].item() == pytest.approx(value.item(), rel=1e-4), name
    assert relative_error(gradients(step.generator), gradients(authors.generator)) < 1e-4
    assert relative_error(gradients(step.discriminator), gradients(authors.discriminator)) < 1e-4


def test_later_iterations_compare_with_the_ema_model_before_its_update(float64):
    # the artifact term works in float32: both go from the same state for one iteration
    given = method(("pixel", "artifact", "adversarial"))
    given["losses"] = {**given["losses"], "artifact": {"weight": 100.0}}
    step = make_step(given)
    *before, (lr, hr) = batches(4)
    for batch in before:
        step(*batch)
    authors = AuthorsIteration(step, given)
    authors.average = copy.deepcopy(step.ema.module)
    value = step(lr, hr)["artifact"].item()
    assert value == pytest.approx(authors(lr, hr)["artifact"].item(), rel=1e-4)
    assert relative_error(gradients(step.generator), gradients(authors.generator)) < 1e-3


def test_the_discriminator_runs_three_times_an_iteration():
    step = make_step(method())
    calls = []
    step.discriminator.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))
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

    step.ema.module.register_forward_pre_hook(note)
    for lr, hr in batches(1):
        step(lr, hr)
    assert modes == [(False, False)] * runs


def test_the_generator_update_leaves_the_discriminator_alone_and_it_can_learn_again():
    step = make_step(method())
    before = copied(step.discriminator)
    ((lr, hr),) = batches(1)
    step._update_generator(lr, hr, step.generator(lr), step.discriminator(hr), None)
    assert all(torch.equal(before[key], value) for key, value in step.discriminator.named_parameters())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in step.discriminator.parameters())


def test_ema_follows_its_recursion_from_the_start_weights():
    step = make_step(method(("pixel",)))
    expected = {key: value.detach().double() for key, value in step.generator.named_parameters()}
    assert equal(copied(step.ema.module), copied(step.generator))
    for lr, hr in batches(6):
        step(lr, hr)
        for key, value in step.generator.named_parameters():
            expected[key] = 0.9 * expected[key] + 0.1 * value.detach().double()
        for key, value in step.ema.module.named_parameters():
            torch.testing.assert_close(value.double(), expected[key], rtol=1e-5, atol=1e-7)
    assert not equal(copied(step.ema.module), copied(step.generator))


def test_ema_is_updated_with_its_decay_the_first_time_too():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    average = ema_model(network, 0.999)
    nn.init.constant_(network.weight, 2.0)
    average.update_parameters(network)
    assert average.module.weight.item() == pytest.approx(1.001)


def test_buffers_are_not_averaged():
    network = nn.BatchNorm1d(2)
    average = ema_model(network, 0.5)
    with torch.no_grad():
        network.running_mean.fill_(8.0)
        network.weight.fill_(3.0)
    average.update_parameters(network)
    assert torch.equal(average.module.weight, torch.full((2,), 2.0))
    assert torch.equal(average.module.running_mean, network.running_mean)


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
    assert step.discriminator is None
    assert len(step.optimizers) == 1


def test_a_term_of_weight_zero_is_left_out():
    given = method()
    given["losses"] = {name: {**options, "weight": 0} for name, options in given["losses"].items()}
    given["losses"]["pixel"]["weight"] = 1.0
    step = make_step(given)
    assert set(step.terms) == {"pixel"}
    assert step.discriminator is None


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
        used = [optimizer.param_groups[0]["lr"] for optimizer in step.optimizers]
        step(lr, hr)
        rates.append(step.learning_rate)  # of the iteration just made, as the log has it
        assert used == [rates[-1]] * 2
    assert rates == [1e-3, 1e-3, 5e-4, 2.5e-4]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_and_nothing_is_updated(monkeypatch, bad):
    step = make_step(method())
    stream = list(batches(2))
    step(*stream[0])
    before = {name: copied(getattr(step, name)) for name in ("generator", "discriminator", "ema")}
    monkeypatch.setattr(PixelLoss, "forward", lambda _, outputs: outputs.sr.mean() * bad)
    with pytest.raises(NotFiniteError, match=f"pixel became .*{str(bad)[:3]}"):
        step(*stream[1])
    for name in ("generator", "ema"):
        assert equal(before[name], copied(getattr(step, name)))
    assert all(torch.equal(before["discriminator"][key], value) for key, value in step.discriminator.named_parameters())


def test_a_discriminator_loss_that_is_not_finite_is_named(monkeypatch):
    step = make_step(method())
    monkeypatch.setattr(step.adversarial, "discriminator_loss", lambda real, fake: real.mean() * float("nan"))
    before = copied(step.discriminator)
    ((lr, hr),) = batches(1)
    with pytest.raises(NotFiniteError, match="discriminator became nan"):
        step(lr, hr)
    assert all(torch.equal(before[key], value) for key, value in step.discriminator.named_parameters())


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
    for name in ("generator", "discriminator", "ema"):
        assert equal(copied(getattr(straight, name)), copied(getattr(resumed, name)))
    assert resumed.learning_rate == straight.learning_rate
    if "milestones" in schedule:
        assert straight.learning_rate == pytest.approx(1e-4)
