#!/usr/bin/env bash
# Write the hash-locked requirements that native steps install: one file for each stage, one for all of them, and `core` for a stage that
# comes with requirements of its own.
#
#   .ci/lock.sh            keep the versions that are locked, add what is new
#   .ci/lock.sh --upgrade  take the newest versions
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
    echo "lock.sh: uv is needed (pip install uv)" >&2
    exit 1
}
locks=core/mlops_stage/native/locks
stages="adversarial compile data fairness quality sbom scan sign verify"

compile() { # compile NAME OPTIONS…: for every platform and every Python from 3.11, with the build backend, for a checkout is built with it
    name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
        "$@" --output-file "$locks/$name.txt" pyproject.toml <(echo 'hatchling>=1.26')
}

lock() { # lock NAME EXTRAS…: in the versions that all stages have
    name=$1
    shift
    compile "$name" --constraints "$locks/all.txt" ${1:+$(printf -- '--extra %s ' "$@")}
}

compile all "$@" $(printf -- '--extra %s ' $stages)
lock core
for stage in $stages; do lock "$stage" "$stage"; done
