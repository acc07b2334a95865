#!/usr/bin/env bash
# What the image is built on here, without a registry: Debian's own base by mmdebstrap, uv, and the wheels of the flavours that are tested.
#
#   .ci/engines/image.sh          fetch what is missing; the last line of the output is the folder that holds it
#   .ci/engines/image.sh --where  only say where it would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

uv=0.13.9
flavours=quality

locks=$(for flavour in $flavours; do cat "core/mlops_stage/native/locks/$flavour.txt"; done | sha256sum | cut -c1-16)
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
place image "${1:-}" <<<"$uv $suite"
command -v buildah >/dev/null && command -v mmdebstrap >/dev/null || debian buildah mmdebstrap
require "on Debian or a kin of it" buildah mmdebstrap
mkdir -p "$folder"
beside

if [ ! -x "$folder/uv" ]; then
    echo "installing uv" >&2
    python3 -m venv "$aside/venv" >&2
    "$aside/venv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv" >&2
    cp "$aside/venv/bin/uv" "$aside/uv" && mv "$aside/uv" "$folder/uv"
fi
if [ ! -f "$folder/base.tar" ]; then
    echo "building a base of $suite" >&2
    SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=minbase --include=python3,ca-certificates "$suite" "$aside/base.tar" >&2
    mv "$aside/base.tar" "$folder/base.tar"
fi
if [ ! -f "$folder/wheels-$locks" ]; then
    echo "fetching wheels" >&2
    mkdir "$aside/root" && tar -xf "$folder/base.tar" -C "$aside/root" ./usr/bin ./usr/lib/python3 2>/dev/null || true
    minor=$(ls "$aside/root/usr/bin" | sed -n 's/^python\(3\.[0-9]*\)$/\1/p')
    for flavour in $flavours; do
        rm -rf "$aside/target"
        "$folder/uv" pip install --quiet --cache-dir "$folder/wheels" --no-config --target "$aside/target" --python-version "$minor" \
            --require-hashes --only-binary :all: --requirement "core/mlops_stage/native/locks/$flavour.txt" >&2
    done
    touch "$folder/wheels-$locks"
fi
echo "$folder"
