#!/usr/bin/env bash
# What the image is built on here, without a registry: Debian's own base by mmdebstrap and uv, both as images, and the wheels of all stages.
#
#   .ci/engines/image.sh          fetch what is missing; the last line of the output is the folder that holds it
#   .ci/engines/image.sh --where  only say where it would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

uv=0.13.9
lock=core/mlops_stage/native/locks/all.txt # of the versions that each flavour has

suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
place image "${1:-}" < <(
    echo "$suite"
    cat .ci/engines/image.sh
)
command -v buildah >/dev/null && command -v mmdebstrap >/dev/null || debian buildah mmdebstrap
require "on Debian or a kin of it" buildah mmdebstrap
mkdir -p "$folder"
beside

store() { buildah --root "$aside/images" --runroot "$aside/run" --storage-driver vfs "$@" >&2; }

import() { # import NAME PLACE FILE: an image of one layer
    store from --name "$1" scratch
    store add --quiet "$1" "$3" "$2"
    store commit --quiet --timestamp 0 --rm "$1" "localhost/$1"
}

if [ ! -x "$folder/uv" ]; then
    echo "installing uv" >&2
    python3 -m venv "$aside/venv" >&2
    "$aside/venv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv" >&2
    cp "$aside/venv/bin/uv" "$aside/uv" && mv "$aside/uv" "$folder/uv"
fi
if [ ! -d "$folder/images" ]; then
    echo "building a base of $suite" >&2
    without=$(printf -- '--dpkgopt=path-exclude=/usr/share/%s/* ' doc locale man)
    SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=minbase --include=python3,ca-certificates,usr-is-merged $without \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$suite" "$aside/base.tar" >&2
    import base / "$aside/base.tar"
    import uv /uv "$folder/uv"
    mv "$aside/images" "$folder/images"
fi
fetched=$folder/wheels-$(sha256sum <"$lock" | cut -c1-16)
if [ ! -f "$fetched" ]; then
    echo "fetching wheels" >&2
    minor=$(ls "$folder"/images/vfs/dir/*/usr/bin | sed -n 's/^python\(3\.[0-9]*\)$/\1/p')
    "$folder/uv" pip install --quiet --cache-dir "$folder/wheels" --no-config --target "$aside/target" --python-version "$minor" \
        --require-hashes --only-binary :all: --requirement "$lock" >&2
    touch "$fetched"
fi
echo "$folder"
