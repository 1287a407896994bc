#!/usr/bin/env bash
# Run by Snakemake inside the new environment: installs requirements.lock with its hashes, and gansr from the checkout in
# GANSR_CHECKOUT, which common.smk sets. `make lock` writes the checksum of requirements.lock here, so that Snakemake makes
# a new environment when the lock changes.
set -euo pipefail
LOCK_SHA256=f2f5301c8eabbfa7e89462d631974c3db226e91e5bacaba76a9549863c3d03ad

cd "$GANSR_CHECKOUT"
if ! echo "$LOCK_SHA256  requirements.lock" | sha256sum --check --status; then
    echo "gansr: error: $GANSR_CHECKOUT/requirements.lock: its sha256 is not that of gansr.post-deploy.sh; run make lock"
    exit 1
fi
"$CONDA_PREFIX/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
"$CONDA_PREFIX/bin/python" -m pip install --quiet --no-deps --editable .
