"""The address of Prefect's server and the origins of its page, as `nightfit serve` is asked."""

import ipaddress
import os
import re
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from data.errors import CallError, UserError, shortened

DEFAULT_PORTS = {"http": 80, "https": 443}
PUBLIC_ORIGIN = re.compile(r"https://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?")
MAX_QUOTED = 100


@dataclass(frozen=True)
class Address:
    """Where the server listens, and by which public URL a proxy with TLS leads there, if any."""

    host: str
    port: int
    public: str | None = None

    @property
    def is_private(self) -> bool:
        """Return whether only this machine's users reach it."""
        return self.public is None and ipaddress.ip_address(self.host).is_loopback

    @property
    def api(self) -> str:
        """Return the URL of the API for processes on this machine."""
        unspecified = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call, not to bind
        return f"{_origin(unspecified.get(self.host, self.host), self.port)}/api"

    @property
    def origins(self) -> list[str]:
        """Return the origins of the page, the one to be opened by people first."""
        local = [self.api.removesuffix("/api"), _origin("localhost", self.port)]
        return [self.public, *local] if self.public else local

    def listen(self) -> socket.socket:
        """Return a socket that listens there; raise UserError if it cannot.

        It listens from the beginning: between a check of the port and its use, another user's
        program could take it, and be sent our login.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise UserError(
                f"port {self.port} of {self.host} cannot be used"
                f" ({os.strerror(error.errno or 0)}).",
                next_step="Stop the program that uses it, perhaps another `nightfit serve`, or"
                " choose another port with --port.",
            ) from None


def address_of(host: str, port: int, public: str | None) -> Address:
    """Return the address for these options; raise CallError if one makes no sense.

    An address that other machines reach needs a `public` URL with TLS: over plain HTTP, everybody
    on the way could read the login.
    """
    try:
        number = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if "%" in host:  # the name of an interface, which no browser accepts in a URL
            raise ValueError
    except ValueError:
        raise CallError(
            f"--host '{shortened(host, MAX_QUOTED)}' is not an IP address.",
            next_step="Use one of this machine's, such as 127.0.0.1.",
        ) from None
    if public is not None:
        return Address(str(number), port, _public_origin(public))
    if not number.is_loopback:
        raise CallError(
            f"--host {number} lets other machines in, and without TLS everybody on the way can"
            " read the login.",
            next_step="Put a proxy with TLS in front of it, and name its URL, such as"
            " --behind-tls https://night.example.com; leave --host out if the proxy is on this"
            " machine.",
        )
    return Address(str(number), port)


def host_headers(origins: Collection[str]) -> set[str]:
    """Return the values of the header Host with which requests to these origins come."""
    urls = [urlsplit(origin) for origin in origins]
    hosts = {url.netloc for url in urls}
    for url in urls:
        default = f":{DEFAULT_PORTS[url.scheme]}"
        hosts.add(url.netloc.removesuffix(default))
        if url.port is None:
            hosts.add(url.netloc + default)
    return hosts


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _public_origin(text: str) -> str:
    """Return the origin of a public URL, which must have TLS and no path."""
    origin = text.lower().removesuffix("/")
    with suppress(ValueError):  # a port above 65535, or what is no address in its brackets
        if PUBLIC_ORIGIN.fullmatch(origin) and host_headers([origin]):
            return origin
    raise CallError(
        f"--behind-tls '{shortened(text, MAX_QUOTED)}' is not a URL of the form"
        " https://night.example.com.",
        next_step="Name the address that people open, without a path.",
    )
