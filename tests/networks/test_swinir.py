import copy
from functools import partial

import pytest
import torch
from spandrel import ModelLoader
from spandrel.architectures.SwinIR import SwinIRArch

from gansr.errors import UserError
from gansr.networks.build import build_generator, count_parameters
from gansr.networks.weight_files import load_weights, save_weights

SIZES = [(8, 16), (24, 8), (8, 16)]  # of three passes whose masks are not those of the pass before
SIZE = {"features": 8, "groups": 2, "blocks": 2, "heads": 2}


def tiny(scale, seed=0, **options):
    torch.manual_seed(seed)
    return build_generator({"network": "swinir"} | SIZE | options, scale)


def lr_image(height, width, count=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("scale", "parameters"), [(4, 11_900_199), (2, 11_752_487)])
def test_the_default_is_swinir_m(scale, parameters):
    generator = build_generator({"network": "swinir"}, scale)
    assert count_parameters(generator) == parameters
    blocks = [layer.residual_group.blocks for layer in generator.layers]
    assert [len(group) for group in blocks] == [6] * 6
    assert {block.attn.num_heads for group in blocks for block in group} == {6}
    assert all(isinstance(block.drop_path, torch.nn.Identity) for group in blocks for block in group)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (9, 16), (13, 20)])
def test_output_is_scale_times_as_large_whatever_the_window(scale, height, width):
    with torch.no_grad():
        sr = tiny(scale).eval()(lr_image(height, width, count=2))
    assert sr.shape == (2, 3, height * scale, width * scale)
    assert torch.isfinite(sr).all()


def test_the_padding_is_a_reflection_that_is_cut_off_again():
    generator, lr = tiny(2).eval(), lr_image(13, 10)
    padded = torch.nn.functional.pad(lr, (0, 6, 0, 3), mode="reflect")
    with torch.no_grad():
        assert torch.equal(generator(lr), generator(padded)[:, :, :26, :20])


def test_an_image_does_not_depend_on_the_others_of_its_batch():
    generator, lr = tiny(4).eval(), lr_image(9, 11, count=3)
    with torch.no_grad():
        together, alone = generator(lr), torch.cat([generator(image[None]) for image in lr])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_features_must_be_a_multiple_of_heads():
    with pytest.raises(ValueError, match="features 8 is not a multiple of heads 3"):
        tiny(4, heads=3)


def test_building_warns_of_nothing(recwarn):
    tiny(4)
    assert not list(recwarn)


# ---- stochastic depth


def outputs(generator, lr, times=6):
    with torch.no_grad():
        return [generator(lr) for _ in range(times)]


def same(results):
    return all(torch.equal(results[0], other) for other in results[1:])


def test_blocks_are_skipped_at_random_in_training():
    lr = lr_image(8, 8)
    assert not same(outputs(tiny(2, drop_path=0.5).train(), lr))


def test_no_block_is_skipped_in_tests():
    lr = lr_image(8, 8)
    generator = tiny(2, drop_path=0.5).eval()
    torch.manual_seed(1)
    results = outputs(generator, lr)
    assert same(results)
    # as if there were no stochastic depth
    assert torch.equal(results[0], outputs(tiny(2).eval(), lr, times=1)[0])


def test_no_block_is_skipped_without_stochastic_depth():
    lr = lr_image(8, 8)
    generator = tiny(2).train()
    assert same(outputs(generator, lr))
    assert torch.equal(generator(lr), generator.eval()(lr))


def test_the_probability_rises_from_0_to_the_last_block():
    generator = tiny(2, drop_path=0.3)
    paths = [block.drop_path for layer in generator.layers for block in layer.residual_group.blocks]
    assert isinstance(paths[0], torch.nn.Identity)
    assert [path.drop_prob for path in paths[1:]] == pytest.approx([0.1, 0.2, 0.3])


# ---- attention masks


def test_masks_are_made_once_for_an_image_size_and_shift(monkeypatch):
    made = []
    generator = tiny(2).eval()
    blocks = [block for layer in generator.layers for block in layer.residual_group.blocks]
    kind = type(blocks[0])
    original = kind.calculate_mask
    spy = lambda block, size: made.append((block.shift_size, size)) or original(block, size)  # noqa: E731
    monkeypatch.setattr(kind, "calculate_mask", spy)
    first, second = lr_image(8, 16), lr_image(24, 8)
    with torch.inference_mode():
        outputs = [generator(lr) for lr in (first, first, second, first)]
    assert sorted(made) == sorted([(0, size) for size in SIZES] + [(4, size) for size in SIZES])
    for block in blocks:
        monkeypatch.setattr(block, "calculate_mask", partial(original, block))
    with torch.inference_mode():
        for lr, output in zip((first, first, second, first), outputs, strict=True):
            assert torch.equal(generator(lr), output)
    generator(first).sum().backward()  # masks of a test serve training


def test_a_copy_has_masks_of_its_own():
    generator = tiny(2).eval()
    images = lr_image(8, 16), lr_image(24, 8)
    with torch.inference_mode():
        expected = [tiny(2).eval()(image) for image in images]
        networks = generator, copy.deepcopy(generator)
        for network, image, sr in zip(networks, images, expected, strict=True):
            assert torch.equal(network(image), sr)
    windows = [
        {block.window_mask.shape[0] for block in network.layers[0].residual_group.blocks} for network in networks
    ]
    assert windows == [{2}, {3}]


# ---- weights


def test_fresh_weights_come_from_the_global_random_state():
    one, again, other = (tiny(4, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_stochastic_depth_has_no_weights(tmp_path):
    source = tiny(4, seed=1, drop_path=0.1)
    save_weights(tmp_path / "weights.safetensors", source.state_dict())
    target = tiny(4, seed=2)
    load_weights(target, tmp_path / "weights.safetensors")
    assert all(torch.equal(value, target.state_dict()[key]) for key, value in source.state_dict().items())


@pytest.mark.parametrize("options", [{"features": 10}, {"groups": 1}, {"blocks": 1}, {"heads": 1}])
def test_weights_of_another_size_are_refused(tmp_path, options):
    file = tmp_path / "weights.safetensors"
    save_weights(file, tiny(4).state_dict())
    with pytest.raises(UserError, match="another network") as caught:
        load_weights(tiny(4, **options), file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_spandrel_opens_the_weights_and_gives_the_same_output(tmp_path, scale, suffix):
    generator = tiny(scale).eval()
    file = tmp_path / f"swinir.{suffix}"
    if suffix == "pth":
        torch.save(generator.state_dict(), file)
    else:
        save_weights(file, generator.state_dict())
    opened = ModelLoader(device="cpu").load_from_file(file)
    assert (opened.architecture.id, opened.scale) == ("SwinIR", scale)
    lr = lr_image(11, 16)
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(lr), generator(lr))


def test_spandrel_takes_the_weights_for_those_of_the_authors_training_size():
    state = tiny(4).state_dict()
    assert SwinIRArch().detect(state)
    assert {"s64w8", "8dim"} <= set(SwinIRArch().load(state).tags)
