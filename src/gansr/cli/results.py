"""What a run shows: tables, figures, and what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    LogFile,
    Slice,
    Threads,
    begin,
    parse,
    take_devices,
)
from gansr.errors import UserError


def table(
    name: Annotated[str, typer.Argument(help="ldl_table1, ldl_table2, beby_table1 or beby_table2.")],
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    published: Annotated[Path, typer.Option(help="The paper's printed table.")],
    images: Annotated[list[Path], typer.Option(help="The folders of its benchmarks, <benchmark>/x4/images.")],
    log: LogFile = None,
) -> None:
    """A paper's table from the scores of a run, beside the published one."""
    from gansr.reporting.scores import read_benchmarks
    from gansr.reporting.tables import write_table

    begin(log)
    data = parse(spec) | {"benchmarks": read_benchmarks(images)}
    write_table(name, data, run_folder, published)


def figure(
    name: Annotated[str, typer.Argument(help="mad_stability or artifact_map.")],
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    mad_patches: Annotated[Path, typer.Option(help="The list of patches (artifact_map).")] = Path("mad_patches.json"),
    images: Annotated[Path, typer.Option(help="The benchmark folder they lie in (artifact_map).")] = Path(),
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """A paper's figure from the models of a run."""
    begin(log)
    data = parse(spec)
    if name == "mad_stability":
        from gansr.reporting.mad_stability import write_mad_stability

        write_mad_stability(data, run_folder)
    elif name == "artifact_map":
        take_devices(0, threads)
        from gansr.reporting.artifact_map import write_artifact_maps

        write_artifact_maps(data, run_folder, mad_patches, images)
    else:
        raise UserError(f'unknown figure "{name}"; valid: artifact_map, mad_stability')


def provenance(
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    data_dir: Annotated[Path, typer.Option(help="The folder of the prepared datasets.")],
    log: LogFile = None,
) -> None:
    """What a run was made from and with, and how long each job took."""
    from gansr.reporting.provenance import write_provenance

    begin(log)
    write_provenance(parse(spec), run_folder, data_dir)


VERBS = (table, figure, provenance)
