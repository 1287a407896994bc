"""Every iteration is that of the authors' code, written once more without shortcuts."""

import copy

import pytest
import torch
import torch.nn.functional as F
from step_data import LAYERS, batches, discriminator, gradients, make_step, method, relative_error, weights


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


class AuthorsIteration:
    """One iteration as the authors' code goes, five discriminator passes and all, written plainly."""

    def __init__(self, step, given):
        self.generator = copy.deepcopy(step.generator)
        self.average = copy.deepcopy(step.generator).eval()
        self.discriminator = copy.deepcopy(discriminator(step))
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
        assert relative_error(gradients(discriminator(step)), gradients(authors.discriminator)) < 1e-7
        for found, wanted in (
            (step.generator, authors.generator),
            (discriminator(step), authors.discriminator),
            (step.ema, authors.average),
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
    assert relative_error(gradients(discriminator(step)), gradients(authors.discriminator)) < 1e-4


def test_later_iterations_compare_with_the_ema_model_before_its_update(float64):
    # the artifact term works in float32: both go from the same state for one iteration
    given = method(("pixel", "artifact", "adversarial"))
    given["losses"] = {**given["losses"], "artifact": {"weight": 100.0}}
    step = make_step(given)
    *before, (lr, hr) = batches(4)
    for batch in before:
        step(*batch)
    authors = AuthorsIteration(step, given)
    authors.average = copy.deepcopy(step.ema)
    value = step(lr, hr)["artifact"].item()
    assert value == pytest.approx(authors(lr, hr)["artifact"].item(), rel=1e-4)
    assert relative_error(gradients(step.generator), gradients(authors.generator)) < 1e-3
