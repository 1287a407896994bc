"""How a step is computed: memory format and precision; and what neither changes."""

import pytest
import torch
from step_data import batches, discriminator, gradients, make_step, method, relative_error, trained_networks, weights

from gansr.config.training_settings import ResultSettings
from gansr.training.engine import Engine

CPU = torch.device("cpu")


def is_channels_last(tensor):
    return tensor.is_contiguous(memory_format=torch.channels_last)


def kernels(network):
    """Weights of which the format can be told: of more than one channel and more than one pixel."""
    return [weight for weight in network.parameters() if weight.ndim == 4 and min(weight.shape[1:]) > 1]


def seen_images(step):
    """A list that gets the images which the step's networks see."""
    seen = []
    for network in (*trained_networks(step).values(), *(term.loss for term in step.terms.values())):
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
                break
    return seen


@pytest.mark.parametrize("channels_last", [True, False])
def test_networks_and_images_have_the_memory_format_asked_for(channels_last):
    step = make_step(method(), channels_last=channels_last)
    seen = seen_images(step)
    ((lr, hr),) = batches(1)
    step(lr, hr)
    networks = (*trained_networks(step).values(), step.terms["perceptual"].loss)
    assert [all(map(is_channels_last, kernels(network))) for network in networks] == [channels_last] * 4
    assert not any(is_channels_last(weight) for network in networks for weight in kernels(network)) or channels_last
    # once each, the discriminator for real, fake and detached fake patches, the perceptual network for HR and SR
    assert len(seen) == 1 + 1 + 3 + 2
    assert [is_channels_last(image) for image in seen] == [channels_last] * len(seen)


def test_images_of_the_right_format_are_not_copied():
    (image,) = Engine(CPU).images(torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last))
    assert Engine(CPU).images(image)[0] is image
    assert Engine(CPU, channels_last=False).images(image)[0].is_contiguous()


@pytest.mark.parametrize(("precision", "expected"), [
    ("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)
])  # fmt: skip
def test_networks_pass_in_half_precision_under_bf16_alone(precision, expected):
    step = make_step(method(), precision=precision)
    networks = trained_networks(step)
    networks["perceptual"] = step.terms["perceptual"].loss.network
    found = {}

    def note(name):
        def hook(module, given, result):
            found.setdefault(name, set()).add(result.dtype)

        return hook

    for name, network in networks.items():
        convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
        convolutions[0].register_forward_hook(note(name))
    for lr, hr in batches(1):
        step(lr, hr)
    assert found == {name: {expected} for name in networks}


def test_losses_are_given_float32_under_bf16(monkeypatch):
    seen, logits = {}, []
    step = make_step(method(), precision="bf16")
    for name in ("artifact", "adversarial"):
        loss = step.terms[name].loss
        loss.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
    of_discriminator = loss.discriminator_loss
    monkeypatch.setattr(
        loss, "discriminator_loss", lambda real, fake: (logits.extend([real, fake]), of_discriminator(real, fake))[1]
    )
    for lr, hr in batches(1):
        values = step(lr, hr)
    outputs = seen["artifact"]
    given = [getattr(outputs, name) for name in ("lr", "hr", "sr", "ema_sr")]
    given += [getattr(seen["adversarial"], name) for name in ("real_logits", "fake_logits")]
    assert [tensor.dtype for tensor in (*given, *logits, *values.values())] == [torch.float32] * (8 + len(values))
    with outputs.autocast():
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")


def test_under_bf16_weights_gradients_and_moments_stay_float32():
    step = make_step(method(), precision="bf16")
    for lr, hr in batches(2):
        step(lr, hr)
    for network in trained_networks(step).values():
        assert {value.dtype for value in network.state_dict().values() if value.is_floating_point()} == {torch.float32}
    for network in (step.generator, discriminator(step)):
        assert {parameter.grad.dtype for parameter in network.parameters()} == {torch.float32}
    moments = [value for optimizer in step.optimizers for state in optimizer.state.values() for value in state.values()]
    assert {value.dtype for value in moments} == {torch.float32}


def test_the_first_iteration_under_bf16_is_close_to_float32s():
    values = {}
    for precision in ("fp32", "bf16"):
        step = make_step(method(), precision=precision)
        for lr, hr in batches(1):
            values[precision] = {name: value.item() for name, value in step(lr, hr).items()}
    assert values["bf16"] == pytest.approx(values["fp32"], rel=0.02)
    assert values["bf16"] != values["fp32"]


def test_a_training_under_bf16_stays_finite_and_learns():
    step = make_step(method(("pixel",)), precision="bf16")
    ((lr, hr),) = batches(1)
    found = [step(lr, hr)["pixel"].item() for _ in range(30)]
    assert found[-1] < found[0]
    assert all(torch.isfinite(parameter).all() for parameter in step.generator.parameters())


def test_the_memory_format_changes_nothing_but_the_order_of_sums():
    steps = [make_step(method(), channels_last=channels_last) for channels_last in (True, False)]
    ((lr, hr),) = batches(1)
    values = [{name: value.item() for name, value in step(lr, hr).items()} for step in steps]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    for network in ("generator", "discriminator"):
        one, other = (trained_networks(step)[network] for step in steps)
        assert relative_error(gradients(one), gradients(other)) < 1e-4
        # Adam's first step is the learning rate times the sign of a gradient, which rounding may turn where it is tiny
        assert relative_error(weights(one), weights(other)) < 1e-3


def test_weights_are_saved_and_restored_in_any_memory_format():
    one, other = (make_step(method(), seed=seed, channels_last=bool(seed)) for seed in (0, 1))
    for lr, hr in batches(2):
        other(lr, hr)
    one.restore(other.state())
    assert torch.equal(weights(one.generator), weights(other.generator))
    assert all(map(is_channels_last, kernels(other.generator)))
    assert not any(map(is_channels_last, kernels(one.generator)))


def test_the_engine_is_that_of_the_spec():
    spec = ResultSettings(precision="bf16", channels_last=False, compile=True)
    assert Engine.of_settings(CPU, spec, "rrdb") == Engine(CPU, "bf16", False, True, False, ("ResidualDenseBlock_5C",))
    swinir = Engine.of_settings(CPU, spec, "swinir")
    assert (swinir.blocks, swinir.not_compiled) == (("SwinTransformerBlock",), ("DropPath",))


def test_a_graph_is_captured_on_a_gpu_alone():
    spec = ResultSettings(graph=True)
    assert not Engine.of_settings(CPU, spec, "rrdb").graph
    assert Engine.of_settings(torch.device("cuda", 0), spec, "rrdb").graph


@pytest.mark.parametrize(("has", "told"), [(True, 0), (False, 1)])
def test_bf16_on_a_processor_without_its_instructions_is_told(monkeypatch, caplog, has, told):
    from gansr.training import engine

    monkeypatch.setattr(engine, "_cpu_has_bf16", lambda: has)
    monkeypatch.setattr(engine.logger, "propagate", True)
    with caplog.at_level("INFO", logger="gansr"):
        Engine.of_settings(CPU, ResultSettings(precision="bf16"), "rrdb")
        Engine.of_settings(CPU, ResultSettings(), "rrdb")
    assert caplog.text.count("no bf16 instructions") == told


@pytest.fixture
def switches():
    """Torch's own, given back after the test."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark = before


@pytest.mark.parametrize(("precision", "expected"), [("fp32", False), ("tf32", True), ("bf16", True)])
def test_products_of_float32_on_a_gpu_are_exact_under_fp32_alone(switches, precision, expected):
    for before in (True, False):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = before
        Engine(CPU, precision).prepare()
        assert torch.backends.cudnn.allow_tf32 is expected
        assert torch.backends.cuda.matmul.allow_tf32 is expected
