#!/usr/bin/env bash
# What runs Tekton's Tasks here: its own validation, Pod builder and status (taskpod), entrypoint and workingdirinit.
#
#   .ci/engines/tekton.sh          build what is missing; the last line of the output is the folder with the binaries
#   .ci/engines/tekton.sh --where  only say where they would be
set -euo pipefail
cd "$(dirname "$0")/../../tests/engines/tekton/harness"

command -v go >/dev/null || {
    echo "tekton.sh: Go 1.26.4 or newer is needed to build Tekton's programs (https://go.dev/dl)" >&2
    exit 1
}
key=$({ go version; cat ./*.go go.mod go.sum; } | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/mlops-stage/engines/tekton-$key
if [ "${1:-}" = --where ]; then
    echo "$folder"
    exit
fi

if [ ! -x "$folder/taskpod" ]; then
    echo "building Tekton's entrypoint, workingdirinit and taskpod: about 4 minutes of CPU the first time" >&2
    mkdir -p "$folder"
    aside=$(mktemp -d "$folder/.build.XXXXXX")
    trap 'rm -rf "$aside"' EXIT
    CGO_ENABLED=0 GOFLAGS=-mod=readonly GOBIN=$aside go install -trimpath -ldflags='-s -w' tool . >&2
    mv "$aside/entrypoint" "$aside/workingdirinit" "$folder/"
    mv "$aside/taskpod" "$folder/" # last: who finds it finds all of them
fi
echo "$folder"
