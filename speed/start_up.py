"""How long a job takes to start: CPU seconds of the imports of each verb.

    python speed/start_up.py [--runs 5]

Each number is the median over several new processes. The imports of a verb are read from its function in gansr.cli;
what a job imports later (a network, an optimiser, a figure) has lines of its own. Each line ends with the heavy
packages that were imported.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import resource
import statistics
import subprocess
import sys
import textwrap

from gansr.cli import configuration, data, models, results, scores

VERBS = {verb.__name__: verb for group in (configuration, data, models, scores, results) for verb in group.VERBS}
HEAVY = ("torch", "torch._dynamo", "torchvision", "spandrel", "pandas", "matplotlib", "scipy", "requests", "PIL")
BUILD = "from gansr.networks.build import build_generator; build_generator({}, 4)"
SCORE = (
    "import gansr.metrics.score, gansr.metrics.weights, gansr.metrics.perceptual, gansr.metrics.niqe, gansr.metrics.ma"
)
PARTS = {
    "python": "pass",
    "torch": "import torch",
    "torchvision": "import torchvision",
    "spandrel": "import spandrel",
    "pandas": "import pandas",
    "the generator srresnet": BUILD.format({"network": "srresnet", "features": 4, "blocks": 1}),
    "the generator rrdb": BUILD.format({"network": "rrdb", "features": 4, "blocks": 1}),
    "the generator swinir": BUILD.format({"network": "swinir", "features": 4, "groups": 1, "blocks": 1, "heads": 1}),
    "VGG19": "from gansr.networks.judges.vgg19 import VGG19Features; VGG19Features(['conv1_1'], 1)",
    "score by LPIPS": SCORE,
    "score by LPIPS and FID": f"{SCORE}, gansr.metrics.inception, torchvision, pytorch_fid.inception",
    "mad_stability": "import gansr.reporting.figures.mad_stability",
    "artifact_map": "import gansr.reporting.figures.artifact_map",
    "Adam": "import torch; torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])",
}


def imports_of(verb: str) -> str:
    """The import statements in a verb's function, as code."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(VERBS[verb])))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(["import gansr.cli", *map(ast.unparse, found)])


def cpu_seconds(code: str, runs: int) -> float:
    """The median CPU time, user and system, of new processes that run the code on one thread."""
    seconds = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seconds)


def imported(code: str) -> list[str]:
    """Which of the heavy packages a new process that runs the code has imported."""
    tell = f"\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code + tell], capture_output=True, text=True, check=True)
    return result.stdout.split()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    codes = PARTS | {f"gansr {name.replace('_', '-')}": imports_of(name) for name in VERBS}
    for name, code in codes.items():
        print(f"{name:24} {cpu_seconds(code, runs):6.2f}  {' '.join(imported(code))}", flush=True)


if __name__ == "__main__":
    main()
