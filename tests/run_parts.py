"""Parts of a run and of a method file that the tests of several files give."""

from __future__ import annotations

COSINE = {"periods": 2, "warmup": 5, "warmup_factor": 0.1, "minimum": 1e-7}
PATCH = {"image": "chelsea", "top": 0, "left": 0, "size": 96, "type": "A"}
