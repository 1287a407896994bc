"""Names of files that other people's scripts read, and that no two models or benchmarks share a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import pytest

from gansr.metrics.score import sidecar
from gansr.paths import DataPaths, RunPaths

RUN, DATA = RunPaths.of_run("mine"), DataPaths(Path("data"), 4)
MODELS, BENCHMARKS = ("RRDB", "RRDB_seed_1"), ("set5", "set14")
OF_A_MODEL = {
    "models/RRDB/generator.safetensors": RUN.weights,
    "models/RRDB/generator_ema.safetensors": lambda model: RUN.weights(model, "ema"),
    "models/RRDB/spec.yaml": RUN.spec,
    "models/RRDB/log.jsonl": RUN.training_log,
    "models/RRDB/snapshots.npz": RUN.snapshots,
    "state/RRDB": RUN.state,
    "logs/train/RRDB.log": lambda model: RUN.log("train", model),
    "timings/train/RRDB.tsv": lambda model: RUN.timing("train", model),
}
OF_A_TEST = {
    "images/RRDB/set5": RUN.images,
    "metrics/RRDB/set5.csv": RUN.scores,
    "metrics/RRDB/set5.json": RUN.score_notes,
    "score_values/RRDB/set5": RUN.score_values,
    "logs/score/RRDB/set5.log": lambda model, benchmark: RUN.log("score", model, benchmark),
    "timings/score/RRDB/set5.tsv": lambda model, benchmark: RUN.timing("score", model, benchmark),
}
OF_A_DATASET = {
    "set5/x4/images": DATA.images,
    "set5/x4/patches": DATA.patches,
    "set5/x4/hr_features.npz": DATA.hr_features,
    "receipts/datasets/set5.json": DATA.dataset_receipt,
    "receipts/weights/set5.json": DATA.weight_receipt,
    "requests/datasets/set5.json": DATA.dataset_request,
    "requests/weights/set5.json": DATA.weight_request,
    "locks/set5": DATA.lock,
}


def check(named: dict[str, Callable[..., Path]], folder: Path, of: Iterable[tuple[str, ...]]) -> None:
    """The first of `of` has these names, and no two share a file."""
    first, *_ = of = list(of)
    for name, path in named.items():
        assert path(*first) == folder / name
    every = [path(*wanted) for path in named.values() for wanted in of]
    assert len(set(every)) == len(named) * len(of)


def test_files_of_a_run_are_where_they_are_said_to_be_and_no_two_share_one() -> None:
    folder = Path("results/mine")
    check(OF_A_MODEL, folder, [(model,) for model in MODELS])
    check(OF_A_TEST, folder, product(MODELS, BENCHMARKS))
    check({"tables/ldl_table1_notes.md": RUN.table}, folder, [("ldl_table1", "_notes.md"), ("mine", ".csv")])


def test_prepared_data_is_where_it_is_said_to_be_at_every_scale() -> None:
    check(OF_A_DATASET, Path("data"), [(dataset,) for dataset in BENCHMARKS])
    assert DataPaths(Path("data"), 2).images("set5") == Path("data/set5/x2/images")


@pytest.mark.parametrize("kind", ["raw", "ema"])
def test_wildcards_make_the_patterns_of_the_real_paths(kind: str) -> None:
    assert str(RUN.weights("{model}", kind)).format(model="RRDB") == str(RUN.weights("RRDB", kind))
    wildcards = {"scored": "RRDB", "benchmark": "set5"}
    for path in OF_A_TEST.values():
        assert Path(str(path("{scored}", "{benchmark}")).format(**wildcards)) == path(*wildcards.values())


def test_the_notes_of_scores_are_beside_them_under_one_name() -> None:
    assert RUN.score_notes("RRDB", "set5") == sidecar(RUN.scores("RRDB", "set5"))
