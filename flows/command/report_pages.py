"""The reports of the home, on the server of `nightfit serve`: below /reports/, behind its login."""

import hmac
import re
from base64 import b64decode
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tasks.report.files import INDEX, is_report_path, reports_folder

PREFIX = "/reports"

HEADERS = {
    "Content-Security-Policy": "sandbox allow-scripts; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The sandbox takes a page's origin away: whatever it showed, it could not use Prefect's page, nor
the login that the browser keeps for that. What a page may load, it says itself."""


class ReportPages:
    """Answers what is below /reports/ with the files of the home, and hands on everything else.

    Prefect asks for its login only in its API, and its page sends it from a script. A page that is
    opened by its address asks through the browser, which keeps the answer until it is closed.
    """

    def __init__(self, app: ASGIApp, home: Path, login: str | None) -> None:
        self._app = app
        self._folder = reports_folder(home)
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/")):
            await self._response(scope, path)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _response(self, scope: Scope, path: str) -> Response:
        if not self._lets_in(Headers(scope=scope).get("authorization", "")):
            asks = {"WWW-Authenticate": 'Basic realm="nightfit", charset="UTF-8"', **HEADERS}
            return PlainTextResponse("Log in as on Prefect's page.\n", 401, headers=asks)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Not allowed.\n", 405, {**HEADERS, "Allow": "GET, HEAD"})
        if path == PREFIX:
            return RedirectResponse(f"{PREFIX}/", 308, headers=HEADERS)
        name = path.removeprefix(f"{PREFIX}/") or INDEX
        text = self._text(name) if is_report_path(name) else None
        if text is None:
            missing = (
                "There is no such report. `nightfit report DATASET --run ID` draws one anew.\n"
            )
            return PlainTextResponse(missing, 404, headers=HEADERS)
        return HTMLResponse(text, headers=HEADERS)

    def _text(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def _lets_in(self, authorization: str) -> bool:
        """Return whether a request has the login, which is `user:password` or a word of the user's.

        A browser always sends a colon: a login without one is entered as the name or the password.
        """
        if self._login is None:
            return True
        found = re.fullmatch(r"(?i:basic) +([A-Za-z0-9+/=]+)", authorization)
        try:
            entered = b64decode(found[1], validate=True) if found else b""
        except ValueError:
            return False
        login = self._login.encode()
        accepted = (login,) if b":" in login else (login, login + b":", b":" + login)
        return any([hmac.compare_digest(entered, each) for each in accepted])
