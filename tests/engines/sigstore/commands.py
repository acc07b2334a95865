"""`mlops-stage` beside the services, or where no interface is, without importing it anew: fixtures/warm.py, of which each command first goes there.

python commands.py DESCRIPTOR

Started in the network namespace of the services. An order is told as that process is told it, and whether the command shall be `alone`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "fixtures"
_NEW_NETWORK = 0x40000000


def main(channel: socket.socket) -> None:
    """Answer orders until the other end closes."""
    sys.path.insert(0, str(FIXTURES))
    import sigstore.verify
    import warm

    from mlops_stage.stages.signing import identity_signer, key_signer

    del sigstore, identity_signer, key_signer  # what signing imports when it is asked to, and verifying
    command = warm._command

    def placed(main, order, streams):
        if order["alone"] and ctypes.CDLL(None).unshare(_NEW_NETWORK):
            os._exit(70)
        command(main, order, streams)

    warm._command = placed
    warm.serve(channel)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
