from __future__ import annotations

import os

# One thread per test process: the tests run side by side, and results do not depend on the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
