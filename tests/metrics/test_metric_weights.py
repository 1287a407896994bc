"""The files that metrics need: found, verified, downloaded, or absent with the reason."""

import hashlib
from pathlib import Path

import pytest
import yaml

from gansr.config.metrics import METRICS
from gansr.data import download
from gansr.errors import UserError
from gansr.metrics.weights import metric_weights
from tests.data.http_server import Answer, http_server

FILES = {name: f"{name}.pth".encode() * 9 for row in METRICS.values() for name in row.weights}


@pytest.fixture
def server():
    with http_server() as running:
        yield running


@pytest.fixture(autouse=True)
def listed(tmp_path, monkeypatch, server):
    """A folder with a list of weights, in which the tests run; each file is served on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "BACKOFF", 0.01)
    entries = {
        name: {
            "file": f"{name}.pth",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "addresses": [server.serve(f"/{name}.pth", content)],
            "licence": "free",
        }
        for name, content in FILES.items()
    }
    write_list(entries)
    return entries


def write_list(entries):
    Path("config").mkdir(exist_ok=True)
    Path("config", "weights.yaml").write_text(yaml.safe_dump({"weights": entries}), encoding="utf-8")


def put(*names, folder="weights"):
    Path(folder).mkdir(exist_ok=True)
    for name in names:
        Path(folder, f"{name}.pth").write_bytes(FILES[name])


def found(*metrics, folder=None, download=False, required=(), skip_absent=False):
    result = metric_weights(list(metrics), folder, download, list(required), skip_absent)
    assert result.sha256 == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in result.files.items()}
    return result.files, result.absent


def refuse(*words, metrics=("lpips_alex",), **options):
    with pytest.raises(UserError) as caught:
        found(*metrics, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def test_metrics_without_weights_need_no_list():
    Path("config", "weights.yaml").unlink()
    assert found("psnr_y", "ssim_y") == ({}, {})


def test_the_files_of_all_metrics_are_found_by_their_names():
    put(*FILES)
    weights, absent = found(*METRICS)
    assert list(weights) == ["alexnet", "vgg16", "dists", "inception", "niqe", "nrqm"]
    assert {name: file.read_bytes() for name, file in weights.items()} == FILES
    assert absent == {}
    assert list(found("psnr_y", "pi")[0]) == ["niqe", "nrqm"]


def test_they_lie_beside_the_list_unless_a_folder_is_given(tmp_path):
    put("alexnet", folder="mine")
    refuse("weights/alexnet.pth are not there")
    weights, _ = found("lpips_alex", folder=Path("mine"))
    assert weights == {"alexnet": Path("mine/alexnet.pth")}
    put("alexnet")
    assert found("lpips_alex")[0]["alexnet"].resolve() == tmp_path / "weights" / "alexnet.pth"


def test_an_absent_file_is_named_with_where_it_comes_from_and_who_needs_it(listed):
    put("vgg16")
    (address,) = listed["dists"]["addresses"]
    refuse("dists: ", "weights/dists.pth are not there", "--download", address, metrics=["lpips_vgg", "dists"])
    refuse("niqe, pi: ", "niqe.pth", metrics=["psnr_y", "niqe", "pi"])
    assert not Path("weights", "dists.pth").exists()


def test_weights_that_a_metric_needs_and_nobody_lists_are_named(listed):
    del listed["dists"]
    write_list(listed)
    put("vgg16")
    refuse("dists: config/weights.yaml lists no dists", "valid: alexnet", metrics=["lpips_vgg", "dists"])


def test_a_file_without_an_address_is_asked_for(listed):
    listed["alexnet"] |= {"addresses": [], "ask": "see the authors' page"}
    write_list(listed)
    refuse("alexnet.pth are not there", "see the authors' page")
    refuse("alexnet.pth", "nothing tells where to download it", "see the authors' page", download=True)


def test_an_absent_file_may_cost_its_metrics_their_values(server):
    put("vgg16")
    weights, absent = found("lpips_vgg", "dists", "pi", skip_absent=True)
    assert list(weights) == ["vgg16"]
    assert list(absent) == ["dists", "niqe", "nrqm"]
    for name, reason in absent.items():
        assert f"weights/{name}.pth are not there" in reason and "config/weights.yaml" in reason
    assert server.requests == []


def test_a_required_file_may_not_be_absent_whatever_is_skipped():
    for options in ({}, {"skip_absent": True}, {"download": True}):
        refuse("alexnet.pth", "not there any more", "receipts/weights/alexnet.json", required=["alexnet"], **options)
    # of the others that holds as before
    put("alexnet")
    weights, absent = found("lpips_alex", "niqe", required=["alexnet"], skip_absent=True)
    assert (list(weights), list(absent)) == (["alexnet"], ["niqe"])


def test_absent_files_are_downloaded_where_that_is_wanted(server):
    put("vgg16")
    weights, absent = found("lpips_vgg", "dists", download=True, skip_absent=True)
    assert weights["dists"].read_bytes() == FILES["dists"]
    assert absent == {}
    assert [request.path for request in server.requests] == ["/dists.pth"]
    found("dists", download=True)
    assert len(server.requests) == 1


def test_a_download_of_something_else_is_no_file_of_weights(server):
    server.serve("/alexnet.pth", FILES["alexnet"], Answer(content=b"x" * len(FILES["alexnet"])))
    refuse("alexnet.pth: cannot be downloaded", "sha256", download=True)
    assert not Path("weights", "alexnet.pth").exists()


def test_a_download_that_fails_names_the_address(server, listed):
    server.serve("/alexnet.pth", b"", Answer(404))
    refuse(
        "alexnet.pth: cannot be downloaded", listed["alexnet"]["addresses"][0], "404", download=True, skip_absent=True
    )


@pytest.mark.parametrize("options", [{}, {"skip_absent": True}, {"download": True}, {"required": ["alexnet"]}])
def test_a_file_that_is_not_the_published_one_is_refused(options):
    put("alexnet")
    Path("weights", "alexnet.pth").write_bytes(b"something else")
    refuse("weights/alexnet.pth: has", "instead of", **options)
    assert Path("weights", "alexnet.pth").read_bytes() == b"something else"


def test_a_file_of_the_right_size_is_told_by_its_checksum(listed):
    put("alexnet")
    other = b"y" * len(FILES["alexnet"])
    Path("weights", "alexnet.pth").write_bytes(other)
    refuse(f"has sha256 {hashlib.sha256(other).hexdigest()} instead of {listed['alexnet']['sha256']}")


def test_a_folder_of_the_files_name_is_refused():
    Path("weights", "alexnet.pth").mkdir(parents=True)
    refuse("alexnet.pth: not a file", skip_absent=True)
