import hashlib
import os

import pytest
import torch
import yaml
from released_names import BASICSR, ESRGAN, KAIR_SRRESNET, renamed
from safetensors.torch import load_file

from gansr.errors import UserError
from gansr.networks.build import build_generator
from gansr.networks.released import adopt_released_model
from gansr.plan.jobs.train import AdoptJob

RRDB = {"network": "rrdb", "features": 4, "blocks": 2}
SRRESNET = {"network": "srresnet", "features": 4, "blocks": 2}
SWINIR = {"network": "swinir", "features": 12, "groups": 2, "blocks": 2, "heads": 2}


def weights_of(options, seed=0, scale=4):
    torch.manual_seed(seed)
    return build_generator(options, scale).state_dict()


def adopt(tmp_path, options, content, scale=4):
    file = tmp_path / "released.pth"
    torch.save(content, file)
    job = AdoptJob(code=1, scale=scale, generator=options, released={"file": file.name})
    adopt_released_model(job, "Theirs", file, tmp_path / "model")
    return tmp_path / "model"


def assert_equal(folder, expected):
    for name in ("generator.safetensors", "generator_ema.safetensors"):
        state = load_file(folder / name)
        assert state.keys() == expected.keys()
        assert all(torch.equal(value, expected[key]) for key, value in state.items())


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (RRDB, [ESRGAN]),
        (RRDB, [ESRGAN, BASICSR]),
        (RRDB, []),
        (SRRESNET, []),
        (SRRESNET, [KAIR_SRRESNET]),
        (SWINIR, []),
    ],
    ids=["ESRGAN", "BasicSR RRDB", "first ESRGAN", "BasicSR SRResNet", "KAIR SRResNet", "SwinIR"],
)
@pytest.mark.parametrize("wrapper", [None, "params", "params_ema", "state_dict"])
def test_the_names_of_every_repository_are_understood(tmp_path, options, rules, wrapper):
    state = weights_of(options)
    theirs = renamed(state, *rules)
    assert rules == [] or theirs.keys() != state.keys()
    assert_equal(adopt(tmp_path, options, {wrapper: theirs} if wrapper else theirs), state)


def test_of_raw_and_ema_weights_the_ema_weights_are_taken(tmp_path):
    raw, ema = weights_of(SRRESNET, 1), weights_of(SRRESNET, 2)
    assert_equal(adopt(tmp_path, SRRESNET, {"params": raw, "params_ema": ema}), ema)


def test_the_adopted_generator_computes_what_the_released_one_does(tmp_path):
    torch.manual_seed(0)
    theirs = build_generator(RRDB, 4)
    adopted = build_generator(RRDB, 4)
    adopted.load_state_dict(
        load_file(adopt(tmp_path, RRDB, renamed(theirs.state_dict(), ESRGAN)) / "generator.safetensors")
    )
    lr = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(adopted(lr), theirs(lr), rtol=0, atol=0)


def test_the_spec_tells_which_file_it_was(tmp_path):
    folder = adopt(tmp_path, SRRESNET, weights_of(SRRESNET))
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    assert spec["model"] == "Theirs" and spec["job"]["released"]["file"] == "released.pth"
    assert spec["inputs"]["released_sha256"] == hashlib.sha256((tmp_path / "released.pth").read_bytes()).hexdigest()
    assert spec["parameters"] == sum(value.numel() for value in weights_of(SRRESNET).values())


@pytest.mark.parametrize(
    ("options", "content"),
    [
        (RRDB, renamed(weights_of({**RRDB, "blocks": 1}), ESRGAN)),
        (RRDB, renamed(weights_of({**RRDB, "features": 8}), ESRGAN)),
        (RRDB, weights_of(SRRESNET)),
        (SRRESNET, renamed(weights_of(RRDB), ESRGAN)),
        (SRRESNET, weights_of(SRRESNET, scale=2)),
        (SWINIR, weights_of({**SWINIR, "groups": 1})),
        (RRDB, {"iteration": 5}),
        (RRDB, {"params": {"some.weight": torch.zeros(3)}}),
    ],
    ids=["blocks", "features", "SRResNet for RRDB", "RRDB for SRResNet", "scale", "groups", "no weights", "unknown"],
)
def test_the_weights_of_another_network_are_refused(tmp_path, options, content):
    with pytest.raises(UserError) as caught:
        adopt(tmp_path, options, content)
    message = str(caught.value)
    assert "\n" not in message and "Theirs" in message and "released.pth" in message and "size" in message
    assert not (tmp_path / "model").exists()


class Attack:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def test_a_checkpoint_that_would_execute_something_is_refused_and_executes_nothing(tmp_path):
    with pytest.raises(UserError, match=r"released\.pth: broken, or holds more than tensors .* remove it"):
        adopt(tmp_path, SRRESNET, {"params": weights_of(SRRESNET), "attack": Attack(tmp_path / "executed")})
    assert not (tmp_path / "executed").exists() and not (tmp_path / "model").exists()
