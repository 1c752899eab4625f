"""Which requests Prefect's server answers: those in its own names, and of its own page."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNUSED_PATHS = frozenset({"/docs", "/docs/oauth2-redirect", "/openapi.json", "/redoc"})
"""Pages about the API: open to all, and with scripts that come from another server."""

POLICY_VIOLATION = 1008


class OwnPageOnly:
    """Refuses requests in another server's name, and those of a page of another origin.

    In a browser on this machine, a page of any other server can send requests here. Those that
    could change something, and websockets, carry its origin. If its name is made to lead to this
    machine (DNS rebinding), they carry that name as their host.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to Prefect, or refuse it."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif refusal is not None:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, _unframed(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("This server has another name.\n", 421)
        if "*" not in self._origins and not self._origins.issuperset(headers.getlist("origin")):
            return PlainTextResponse("This server answers its own page only.\n", 403)
        if scope["path"] in UNUSED_PATHS:
            return PlainTextResponse("Not found.\n", 404)
        return None


def _unframed(send: Send) -> Send:
    """Return a `send` that forbids other pages to show ours in a frame and to catch its clicks."""

    async def unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-frame-options", b"DENY")]
        await send(message)

    return unframed
