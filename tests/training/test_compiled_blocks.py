"""Blocks of a generator that are compiled: each kind once, for training's images alone, to the same values."""

import copy
import logging
from functools import partialmethod

import pytest
import torch
from step_data import SCALE, batches, gradients, method, relative_error, weights

from gansr.config.training_settings import ResultSettings
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.schema import plugins
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep
from tests.programs import COMPILER, need

CPU = torch.device("cpu")
GENERATORS = {
    "srresnet": {"network": "srresnet", "features": 4, "blocks": 2},
    "rrdb": {"network": "rrdb", "features": 4, "blocks": 1},
    "swinir": {"network": "swinir", "features": 12, "groups": 1, "blocks": 2, "heads": 2},
}


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def graphs(monkeypatch):
    """What is compiled: it is run as it is."""
    compiled = []
    monkeypatch.setattr(
        torch.nn.Module,
        "compile",
        partialmethod(torch.nn.Module.compile, backend=lambda graph, _: compiled.append(graph) or graph),
    )
    return compiled


def engine(name, on=True):
    return Engine.of_settings(CPU, ResultSettings(compile=on), name)


def compiled(name, **deeper):
    generator = build_generator(GENERATORS[name] | deeper, SCALE).train()
    return engine(name).compiled(generator)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_has_repeated_blocks_to_compile(name):
    generator = build_generator(GENERATORS[name], SCALE)
    blocks = [module for module in generator.modules() if type(module).__name__ in engine(name).blocks]
    assert len(blocks) >= 2
    engine(name, on=False).compiled(generator)
    assert all(block._compiled_call_impl is None for block in blocks)
    before = list(generator.state_dict())
    engine(name).compiled(generator)
    assert all(block._compiled_call_impl is not None for block in blocks)
    assert list(generator.state_dict()) == before


@pytest.mark.parametrize(
    ("name", "deeper"),
    [
        ("srresnet", {"blocks": 5}),
        ("rrdb", {"blocks": 3}),
        ("swinir", {"groups": 3}),
        ("swinir", {"groups": 2, "blocks": 6, "drop_path": 0.1}),
    ],
)
def test_a_kind_of_block_is_compiled_once_whatever_the_depth(graphs, name, deeper):
    lr = torch.rand(2, 3, 8, 8)
    shallow = {"groups": 2, "drop_path": 0.1} if "drop_path" in deeper else {}
    numbers = []
    for options in (shallow, deeper):
        compiled(name, **options)(lr).mean().backward()
        numbers.append(len(graphs))
        graphs.clear()
        torch.compiler.reset()
    assert 1 <= numbers[0] == numbers[1]


@pytest.mark.parametrize("name", GENERATORS)
def test_images_of_other_sizes_are_not_compiled(graphs, name):
    generator = compiled(name)
    generator(torch.rand(2, 3, 8, 8)).mean().backward()
    before = len(graphs)
    assert before
    with engine(name).without_compiling(), torch.inference_mode():
        for side in (16, 24):
            generator(torch.rand(1, 3, side, side))
    generator(torch.rand(2, 3, 8, 8)).mean().backward()
    assert len(graphs) == before


def test_a_generator_whose_file_names_no_blocks_is_trained_as_it_is_and_that_is_said(monkeypatch, caplog):
    monkeypatch.setattr(plugins, "fact", lambda kind, name, key, default: default)
    monkeypatch.setattr(logging.getLogger("gansr"), "propagate", True)
    generator = build_generator(GENERATORS["srresnet"], SCALE)
    with caplog.at_level(logging.INFO, "gansr"):
        engine("srresnet").compiled(generator)
    assert all(module._compiled_call_impl is None for module in generator.modules())
    assert "the generator srresnet names no REPEATED_BLOCKS" in caplog.text


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("srresnet", ("pixel", "artifact")),
        pytest.param("rrdb", ("pixel",), marks=pytest.mark.slow),
        pytest.param("swinir", ("pixel", "artifact"), marks=pytest.mark.slow),
    ],
)
def test_compiled_blocks_compute_the_same(name, losses):
    need(COMPILER)
    torch.manual_seed(0)
    generator = build_generator(GENERATORS[name], SCALE)
    steps = [
        TrainingStep(copy.deepcopy(generator), method(losses), LossContext(0), engine(name, on)) for on in (True, False)
    ]
    assert list(steps[0].state()["generator"]) == list(generator.state_dict())
    for lr, hr in batches(2):
        values = [{name: value.item() for name, value in step(lr, hr).items()} for step in steps]
        assert values[0] == pytest.approx(values[1], rel=1e-5)
        assert relative_error(gradients(steps[0].generator), gradients(steps[1].generator)) < 1e-4
    assert relative_error(weights(steps[0].ema), weights(steps[1].ema)) < 1e-5
