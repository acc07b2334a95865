"""Which services a trust config names to sign with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_stage.stages.signing.verifying.plain import Reader, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mlops_stage.stages.signing.verifying.trust import Trust

_RULE = "services"


@dataclass(frozen=True, kw_only=True)
class Services:
    """Addresses; empty where there is none."""

    certificates: str = ""
    """Of the certificate authority."""
    stamps: str = ""
    """Of the time-stamp authority."""
    log: str = ""
    """Of the transparency log, version 2: older ones would be sent the whole statement."""
    old_log: bool = False
    """The config names a log of version 1 only."""

    def unbelieved(self, trust: Trust) -> str:
        """What would be asked of whose kind nobody is trusted, so that no signature could hold; empty where there is none such."""
        if self.stamps and not trust.authorities:
            return "time-stamp authority"
        return "transparency log" if self.log and not trust.logs else ""


def services_of(config: bytes, now: datetime) -> Services:
    """The first certificate authority, time-stamp authority and log of version 2 that are in use now.

    Args:
        config: a client trust config, or a trusted root alone, which names none.
        now: UTC.

    Raises:
        RefusalError: neither of the two.
    """
    whole = Reader(parsed(config, _RULE, "the trust config"), _RULE, "the trust config")
    if not whole.has("signingConfig"):
        return Services()
    signing = whole.inner("signingConfig", "the signing config")
    logs = _in_use(signing.items("rekorTlogUrls"), now)
    stamps = _in_use(signing.items("tsaUrls"), now)
    certificates = _in_use(signing.items("caUrls"), now)
    new = [url for version, url in logs if version == 2]  # noqa: PLR2004  (the version of its interface)
    return Services(
        certificates=certificates[0][1] if certificates else "",
        stamps=stamps[0][1] if stamps else "",
        log=new[0] if new else "",
        old_log=bool(logs) and not new,
    )


def _in_use(services: Sequence[object], now: datetime) -> list[tuple[object, str]]:
    found = []
    for plain in services:
        service = Reader(plain, _RULE, "a service")
        start, end = service.validity()
        if start <= now and (end is None or now < end):
            found.append((service.plain.get("majorApiVersion"), service.text("url")))
    return found
