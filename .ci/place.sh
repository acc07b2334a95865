# Sourced by the script of each engine: what it needs, where the engine lies, and how it is built so that nothing half built is ever found.

script=$(basename "$0")

require() { # require WHAT TOOL…: every tool is there, or one line says which is not
    what=$1
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || {
            echo "$script: $tool is needed ($what)" >&2
            exit 1
        }
    done
}

place() { # place NAME WORD <KEY: sets `folder`, one for each key on standard input; WORD `--where` only says which
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlops-stage/engines
    folder=$cache/$1-$(sha256sum | cut -c1-16)
    if [ "$2" = --where ]; then
        echo "$folder"
        exit
    fi
}

beside() { # sets `aside`, a folder on the disk of the engines that goes away at the end: build there, then move
    mkdir -p "$cache"
    aside=$(mktemp -d "$cache/.build.XXXXXX")
    trap 'rm -rf "$aside"' EXIT
}

debian() { # debian PACKAGE…: install them where that can be done
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    apt-get -qq update >&2 && apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
}
