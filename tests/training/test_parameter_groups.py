"""Parameter groups of a generator: an Adam of its own for each, from its iteration on."""

import copy
import io
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from step_data import SCALE, batches, method, weights

from gansr.errors import UserError
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator, parameter_groups
from gansr.training.captured_step import WARM_UP, CapturedStep
from gansr.training.engine import Engine
from gansr.training.stage import NotFiniteError
from gansr.training.step import TrainingStep

DECLARED = {"tail": ("conv_hr.", "conv_last."), "head": ("conv_first.",)}


def grouped(groups, losses=("pixel",), declared=DECLARED, seed=0, **changes):
    torch.manual_seed(seed)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    given = method(losses, groups=groups, **changes)
    return TrainingStep(generator, given, LossContext(0), Engine(torch.device("cpu")), None, declared)


def tail(generator):
    return [parameter for name, parameter in generator.named_parameters() if name.startswith(DECLARED["tail"])]


def test_groups_that_start_at_once_are_the_single_adam():
    one, other = grouped({}), grouped({"tail": {"starts": 1, "rate": 1.0}, "head": {}})
    assert len(one.optimizers) == 1 and len(other.optimizers) == 3
    for lr, hr in batches(4):
        assert torch.equal(one(lr, hr)["pixel"], other(lr, hr)["pixel"])
    assert torch.equal(weights(one.generator), weights(other.generator))


def test_declared_groups_that_the_method_does_not_name_make_no_difference():
    assert len(grouped({}).optimizers) == 1
    assert len(grouped({}, declared={}).optimizers) == 1


def test_a_group_starts_with_moments_of_its_own_in_its_iteration():
    step = grouped({"tail": {"starts": 3}})
    generator = copy.deepcopy(step.generator)
    late = tail(generator)
    rest = [parameter for parameter in generator.parameters() if not any(parameter is other for other in late)]
    adams = {kind: torch.optim.Adam(found, 1e-3, (0.9, 0.99), fused=True) for kind, found in (("r", rest), ("t", late))}
    start = [parameter.detach().clone() for parameter in late]
    for number, (lr, hr) in enumerate(batches(5), start=1):
        step(lr, hr)
        for adam in adams.values():
            adam.zero_grad()
        F.l1_loss(generator(lr), hr).mul(0.01).backward()
        adams["r"].step()
        if number >= 3:
            adams["t"].step()
        assert torch.equal(weights(step.generator), weights(generator)), number
        moved = [not torch.equal(one, other) for one, other in zip(tail(step.generator), start, strict=True)]
        assert all(moved) if number >= 3 else not any(moved)


def test_a_group_that_starts_late_differs_from_one_that_started_at_once():
    early, late = grouped({}), grouped({"tail": {"starts": 3}})
    for lr, hr in batches(4):
        early(lr, hr)
        late(lr, hr)
    assert not torch.equal(weights(early.generator), weights(late.generator))


def test_the_rest_may_start_late():
    step = grouped({"rest": {"starts": 2}})
    before = copy.deepcopy(step.generator.state_dict())
    for lr, hr in batches(1):
        step(lr, hr)
    moved = {
        key.split(".")[0] for key, value in step.generator.state_dict().items() if not torch.equal(value, before[key])
    }
    assert moved == {"conv_first", "conv_hr", "conv_last"}


def test_a_rate_is_a_factor_on_the_learning_rate_of_every_iteration():
    step = grouped({"tail": {"rate": 5}}, schedule={"milestones": [1], "gamma": 0.1})
    found = []
    for lr, hr in batches(2):
        step(lr, hr)
        found.append([optimizer.param_groups[0]["lr"] for optimizer in step.optimizers])
    assert found == [pytest.approx([5e-3, 1e-3, 1e-3]), pytest.approx([5e-4, 1e-4, 1e-4])]
    assert step.learning_rate == pytest.approx(1e-4)


@pytest.mark.parametrize("saved_after", [1, 2, 3, 4])
def test_a_training_goes_on_bit_for_bit_across_the_start_of_a_group(saved_after):
    given = {"tail": {"starts": 4, "rate": 2.0}}
    losses = ("pixel", "adversarial")
    stream = list(batches(6))
    straight = grouped(given, losses)
    for batch in stream[:saved_after]:
        straight(*batch)
    saved = io.BytesIO()
    torch.save(straight.state(), saved)
    saved.seek(0)
    resumed = grouped(given, losses, seed=99)
    resumed.restore(torch.load(saved, weights_only=True))
    for batch in stream[saved_after:]:
        found, expected = resumed(*batch), straight(*batch)
        assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert torch.equal(weights(resumed.generator), weights(straight.generator))


def test_a_parameter_in_two_groups_is_refused():
    with pytest.raises(UserError, match=r"^PARAMETER_GROUPS: conv_hr.weight is in one and in two; give it to one"):
        grouped({"one": {}}, declared={"one": ("conv_hr",), "two": ("conv_",)})


def test_a_group_without_parameters_is_refused():
    with pytest.raises(UserError, match=r"^PARAMETER_GROUPS: no parameter of the generator begins as fusion says"):
        grouped({"fusion": {}}, declared={"fusion": ("f_",)})


def test_the_shipped_generators_declare_no_groups():
    assert [parameter_groups({"network": name}) for name in ("srresnet", "rrdb", "swinir")] == [{}, {}, {}]


class Recorded(CapturedStep):
    """A captured step on a CPU, whose graph does what was captured: the update of one phase."""

    def __init__(self, step):
        self.step, self.graph, self.phase, self.called = step, None, step.phase, 0
        self.inputs, self.outputs, self.latest = (), {}, None
        self.copied = SimpleNamespace(synchronize=lambda: None, record=lambda: None)
        self.eager, self.captures = [], []

    def _on_side_stream(self, lr, hr):
        self.eager.append(self.step.done + 1)
        return self.step(lr, hr)

    def _capture(self, lr, hr):
        self.inputs = (lr.clone(), hr.clone())
        captured_in = self.step.phase
        self.captures.append(self.step.done + 1)

        def replay():
            assert self.step.phase == captured_in
            self.outputs = self.step.update(*self.inputs)

        self.outputs = {"pixel": torch.zeros(())}
        self.graph = SimpleNamespace(replay=replay)


def test_a_graph_is_captured_anew_where_a_group_starts():
    starts = WARM_UP + 4
    given = {"tail": {"starts": starts}}
    eager, captured = grouped(given), Recorded(grouped(given))
    for lr, hr in batches(starts + WARM_UP + 3):
        assert torch.equal(captured(lr, hr)["pixel"], eager(lr, hr)["pixel"])
    assert captured.eager == [*range(1, WARM_UP + 1), *range(starts, starts + WARM_UP)]
    assert captured.captures == [WARM_UP + 1, starts + WARM_UP]
    assert torch.equal(weights(captured.step.generator), weights(eager.generator))
    assert captured.step.done == eager.done


def test_losses_are_looked_at_before_a_graph_is_given_up():
    starts = WARM_UP + 3
    captured = Recorded(grouped({"tail": {"starts": starts}}))
    captured.step._require_finite = lambda *_: None  # which does not look while a graph is captured
    *good, (lr, hr), after = batches(starts)
    for batch in good:
        captured(*batch)
    captured(lr, torch.full_like(hr, float("nan")))
    with pytest.raises(NotFiniteError, match="the loss term pixel became nan") as caught:
        captured(*after)
    assert caught.value.late == 1
