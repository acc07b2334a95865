"""One comment on a pull request, written once and brought up to date after that; needs a token with `pull-requests: write`, and nothing else does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlops_stage.errors import StageError, UsageError
from mlops_stage.evidence.redact import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "<!-- mlops-stage: the comment that is kept up to date -->"
"""Its first line, by which the next run finds it."""
MOST_CHARACTERS = 65_000
"""GitHub takes 65,536."""
_API = "https://api.github.com"
_PAGES = 50
_SECONDS = 30
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_REFUSED = (401, 403, 404)
_JOB = "github-actions[bot]"
"""Who writes with the token of a job, which may not ask whose it is."""


def publish(summary: str, env: Mapping[str, str]) -> str:
    """Write the summary on the pull request of this job; returns what was done.

    Args:
        summary: Markdown.
        env: with GITHUB_TOKEN, and what every job of GitHub Actions has.

    Raises:
        UsageError: no token, or an address that a token must not be sent to.
        StageError: GitHub cannot be asked, or refuses.
    """
    number = _number(env)
    if number is None:
        return "this job is not about a pull request, so there is nothing to comment on"
    forge = _Forge(env)
    place = f"/repos/{env.get('GITHUB_REPOSITORY', '')}/issues"
    body = f"{MARK}\n{cut(summary)}"
    known = forge.own_comment(f"{place}/{number}/comments")
    if known is None:
        forge.ask("POST", f"{place}/{number}/comments", {"body": body})
        return f"commented on pull request {number}"
    if known.get("body", "").replace("\r\n", "\n").rstrip() == body.rstrip():
        return f"the comment on pull request {number} says so already"
    forge.ask("PATCH", f"{place}/comments/{int(known['id'])}", {"body": body})
    return f"brought the comment on pull request {number} up to date"


def cut(summary: str) -> str:
    """As many of its sections as a comment holds, each whole."""
    if len(summary) <= MOST_CHARACTERS:
        return summary
    kept = ""
    for part in re.split(r"(?m)^(?=### |<details>)", summary):
        if len(kept) + len(part) > MOST_CHARACTERS - 200:
            break
        kept += part
    return f"{kept}\n**Cut here:** a comment holds no more; the job's summary and report.html hold all of it.\n"


def _number(env: Mapping[str, str]) -> int | None:
    """Of the pull request that the job is about."""
    found = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", env.get("GITHUB_REF", ""))
    if found:
        return int(found[1])
    try:
        event = json.loads(Path(env.get("GITHUB_EVENT_PATH", "")).read_bytes())
        number = event["pull_request"]["number"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return number if isinstance(number, int) else None


class _Forge:
    """GitHub's interface, with the token of this job."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._root = (env.get("GITHUB_API_URL") or _API).rstrip("/")
        parts = urlsplit(self._root)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise UsageError(f"GITHUB_API_URL: {shown(self._root)} is not encrypted, and a token would be sent to it", "write https://…")
        if not env.get("GITHUB_TOKEN"):
            raise UsageError("GITHUB_TOKEN is not set", "give it to this one step: env: GITHUB_TOKEN: ${{ github.token }}")
        self._token = env["GITHUB_TOKEN"]
        self._headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def own_comment(self, place: str) -> dict[str, Any] | None:
        """The comment of an earlier run. Only one that this token's owner wrote counts: anybody can write the mark, and edit his own comment later."""
        login = self._login()
        for page in range(1, _PAGES + 1):
            comments = self.ask("GET", f"{place}?per_page=100&page={page}")
            for one in comments if isinstance(comments, list) else ():
                if (one.get("user") or {}).get("login") == login and str(one.get("body", "")).startswith(MARK):
                    return dict(one)
            if not isinstance(comments, list) or len(comments) < 100:  # noqa: PLR2004  (as many as were asked for)
                return None
        return None

    def ask(self, method: str, place: str, body: Mapping[str, str] | None = None) -> Any:
        """The answer as JSON.

        Raises:
            StageError: none, or a refusal.
        """
        answer = self._answer(method, place, body)
        if answer.status_code in _REFUSED:
            hint = "the job needs `permissions: pull-requests: write`; for a pull request from a fork GitHub gives no such token"
            raise StageError(f"GitHub refuses to {'read' if method == 'GET' else 'write'} comments: {answer.status_code}", hint)
        if answer.status_code >= 300:  # noqa: PLR2004  (a redirection too: the token goes nowhere else)
            raise StageError(f"GitHub answers {answer.status_code} {shown(answer.reason)}", "run the step again later")
        try:
            return answer.json()
        except ValueError as error:
            raise StageError("GitHub's answer is no JSON", "see whether GITHUB_API_URL is right") from error

    def _login(self) -> str:
        """Whose the token is."""
        answer = self._answer("GET", "/user", None)
        try:
            return str(answer.json()["login"]) if answer.ok else _JOB
        except (ValueError, KeyError, TypeError):
            return _JOB

    def _proven(self, request: Any) -> Any:
        """The request with the token; as a header it would give way to what ~/.netrc holds for that server."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _answer(self, method: str, place: str, body: Mapping[str, str] | None) -> Any:
        import requests

        try:
            return requests.request(
                method, self._root + place, json=body, headers=self._headers, auth=self._proven, timeout=_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise StageError(f"{shown(self._root)} cannot be asked: {type(error).__name__}", "see HTTPS_PROXY and SSL_CERT_FILE") from error
