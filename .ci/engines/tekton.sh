#!/usr/bin/env bash
# What runs Tekton's Tasks here: its own validation, Pod builder and status (taskpod), entrypoint and workingdirinit.
#
#   .ci/engines/tekton.sh          build what is missing; the last line of the output is the folder with the binaries
#   .ci/engines/tekton.sh --where  only say where they would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

harness=tests/engines/tekton/harness

require "1.26.4 or newer, to build Tekton's programs: https://go.dev/dl" go
place tekton "${1:-}" < <(
    go version
    cat "$harness"/*.go "$harness"/go.mod "$harness"/go.sum
)

if [ ! -x "$folder/taskpod" ]; then
    echo "building Tekton's entrypoint, workingdirinit and taskpod: about 4 minutes of CPU the first time" >&2
    mkdir -p "$folder"
    beside
    (cd "$harness" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOBIN=$aside go install -trimpath -ldflags='-s -w' tool . >&2)
    mv "$aside/entrypoint" "$aside/workingdirinit" "$folder/"
    mv "$aside/taskpod" "$folder/" # last: who finds it finds all of them
fi
echo "$folder"
