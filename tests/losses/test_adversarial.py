import math

import pytest
import torch

from gansr.losses.adversarial import AdversarialLoss
from gansr.losses.base import LossContext, Outputs

REAL = [0.7, -1.3, 2.9, 0.0, 11.0]
FAKE = [-0.2, 0.4, -3.1, 25.0, -7.5]


def log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def taken_for_real(logits, average):
    """Mean of -log sigmoid(x - average)."""
    return sum(-log_sigmoid(x - average) for x in logits) / len(logits)


def taken_for_fake(logits, average):
    """Mean of -log(1 - sigmoid(x - average))."""
    return sum(-log_sigmoid(-(x - average)) for x in logits) / len(logits)


def generator_loss(real, fake):
    real_average, fake_average = sum(real) / len(real), sum(fake) / len(fake)
    return (taken_for_fake(real, fake_average) + taken_for_real(fake, real_average)) / 2


def discriminator_loss(real, fake):
    real_average, fake_average = sum(real) / len(real), sum(fake) / len(fake)
    return (taken_for_real(real, fake_average) + taken_for_fake(fake, real_average)) / 2


def slope(function, values, index, step=1e-5):
    up, down = list(values), list(values)
    up[index] += step
    down[index] -= step
    return (function(up) - function(down)) / (2 * step)


def logits(values):
    return torch.tensor(values, dtype=torch.float64)[:, None].requires_grad_()


@pytest.fixture
def term():
    return AdversarialLoss(LossContext(seed=0))


def as_generator(term, real, fake):
    image = torch.zeros(1)
    return term(Outputs(image, image, image, None, real, fake))


def test_generator_loss_is_the_explicit_sum(term):
    assert as_generator(term, logits(REAL), logits(FAKE)).item() == pytest.approx(generator_loss(REAL, FAKE), rel=1e-12)


def test_discriminator_loss_is_the_explicit_sum(term):
    result = term.discriminator_loss(logits(REAL), logits(FAKE))
    assert result.item() == pytest.approx(discriminator_loss(REAL, FAKE), rel=1e-12)


def test_the_two_losses_are_each_other_with_real_and_fake_exchanged(term):
    real, fake = logits(REAL), logits(FAKE)
    torch.testing.assert_close(as_generator(term, real, fake), term.discriminator_loss(fake, real))


def test_equal_logits_cost_log_2(term):
    same = logits([1.5, 1.5, 1.5])
    assert as_generator(term, same, same).item() == pytest.approx(math.log(2))
    assert term.discriminator_loss(same, same).item() == pytest.approx(math.log(2))


def test_generator_gradient_flows_through_fakes_and_their_average_only(term):
    real, fake = logits(REAL), logits(FAKE)
    as_generator(term, real, fake).backward()
    assert real.grad is None
    for index in range(len(FAKE)):
        expected = slope(lambda values: generator_loss(REAL, values), FAKE, index)
        assert fake.grad[index].item() == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_discriminator_gradient_takes_the_averages_as_constants(term):
    # two backward passes in the authors' code, each with the other kind's average detached
    real, fake = logits(REAL), logits(FAKE)
    term.discriminator_loss(real, fake).backward()
    real_average, fake_average = sum(REAL) / len(REAL), sum(FAKE) / len(FAKE)
    for index in range(len(REAL)):
        expected = slope(lambda values: taken_for_real(values, fake_average) / 2, REAL, index)
        assert real.grad[index].item() == pytest.approx(expected, rel=1e-6, abs=1e-10)
    for index in range(len(FAKE)):
        expected = slope(lambda values: taken_for_fake(values, real_average) / 2, FAKE, index)
        assert fake.grad[index].item() == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_huge_logits_stay_finite(term):
    real, fake = logits([1e4, -1e4]), logits([-1e4, 3e4])
    total = as_generator(term, real, fake) + term.discriminator_loss(real, fake)
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(real.grad).all()
    assert torch.isfinite(fake.grad).all()


def test_the_plain_objective_is_srgans() -> None:
    real, fake = torch.tensor([[0.5], [-1.0]]), torch.tensor([[2.0], [-0.25]])
    term = AdversarialLoss(LossContext(0), objective="plain")
    image = torch.zeros(2, 3, 4, 4)
    generator = term(Outputs(image, image, image, real_logits=real, fake_logits=fake)).item()
    as_real, as_fake = ([-math.log(1 / (1 + math.exp(-sign * logit))) for logit in (2.0, -0.25)] for sign in (1, -1))
    reals = [-math.log(1 / (1 + math.exp(-logit))) for logit in (0.5, -1.0)]
    assert generator == pytest.approx(sum(as_real) / 2, rel=1e-6)
    # the sum of both kinds, without the half of the relativistic loss
    assert term.discriminator_loss(real, fake).item() == pytest.approx(sum(reals) / 2 + sum(as_fake) / 2, rel=1e-6)


def test_the_printed_objective_adds_the_two_kinds_and_takes_no_average_for_constant(term):
    printed = AdversarialLoss(LossContext(seed=0), objective="relativistic_average_printed")
    real, fake = logits(REAL), logits(FAKE)
    for each in (as_generator, lambda term, *given: term.discriminator_loss(*given)):
        assert torch.equal(each(printed, real, fake), 2 * each(term, real, fake))
    by_generator = [torch.autograd.grad(as_generator(each, real, fake), fake)[0] for each in (printed, term)]
    assert torch.equal(by_generator[0], 2 * by_generator[1])
    # Eq. 7 and 9 of Beby-GAN's paper, written plainly
    as_real, as_fake = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    plain = -as_real.log().mean() - (1 - as_fake).log().mean()
    expected = torch.autograd.grad(plain, (real, fake))
    found = torch.autograd.grad(printed.discriminator_loss(real, fake), (real, fake))
    constant = torch.autograd.grad(term.discriminator_loss(real, fake), (real, fake))
    for one, other, half in zip(found, expected, constant, strict=True):
        torch.testing.assert_close(one, other)
        assert not torch.allclose(one, 2 * half)
