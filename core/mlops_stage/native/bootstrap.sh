#!/bin/sh
# Run `mlops-stage ARGS…` from an environment of its own, which is built once: find a Python, hand over to bootstrap.py.
# What redirects interpreters and environments is cleared, for it would lead into somebody else's; indexes, certificates and proxies stay.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONPLATLIBDIR PYTHONEXECUTABLE PYTHONINSPECT __PYVENV_LAUNCHER__ VIRTUAL_ENV CONDA_PREFIX \
    UV_PYTHON UV_PYTHON_PREFERENCE UV_MANAGED_PYTHON UV_NO_MANAGED_PYTHON UV_PROJECT UV_PROJECT_ENVIRONMENT UV_WORKING_DIR UV_WORKING_DIRECTORY \
    UV_SYSTEM_PYTHON UV_BREAK_SYSTEM_PACKAGES UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE UV_EXCLUDE UV_NO_BINARY UV_VENV_CLEAR \
    PIP_PYTHON PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_REQUIREMENT PIP_CONSTRAINT PIP_EDITABLE PIP_REQUIRE_VIRTUALENV PIP_BREAK_SYSTEM_PACKAGES \
    PIP_PLATFORM PIP_PYTHON_VERSION PIP_IMPLEMENTATION PIP_ABI PIP_NO_BINARY PIP_DRY_RUN PIP_REQUIRE_HASHES PIP_BUILD_CONSTRAINT PIP_GROUP \
    UV_REQUIRE_HASHES UV_NO_VERIFY_HASHES UV_BUILD_CONSTRAINT UV_NO_BUILD UV_NO_BUILD_PACKAGE

case $(uname -s) in
Linux | Darwin) ;;
*)
    echo "error: mlops-stage runs on Linux and macOS, and this is $(uname -s)" >&2
    echo "hint: on Windows, use WSL, or a runner with Linux" >&2
    exit 3
    ;;
esac
recent='import sys; sys.exit(sys.version_info < (3, 11))'
for python in ${MLOPS_STAGE_PYTHON:+"$MLOPS_STAGE_PYTHON"} python3.14 python3.13 python3.12 python3.11 python3 python; do
    if command -v "$python" >/dev/null 2>&1 && "$python" -I -c "$recent" >/dev/null 2>&1; then
        exec "$python" -I "$here/bootstrap.py" "$@"
    fi
    if [ "$python" = "${MLOPS_STAGE_PYTHON:-}" ]; then
        echo "error: the input 'python' (MLOPS_STAGE_PYTHON) names no Python 3.11 or newer that can be run" >&2 # its value may hold lines
        echo "hint: it names an interpreter by its name or path" >&2
        exit 3
    fi
done
echo "error: mlops-stage needs Python 3.11 or newer, and there is none on this machine" >&2
echo "hint: install one (on GitHub: actions/setup-python), or use the image, which holds one" >&2
exit 3
