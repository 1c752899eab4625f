"""The file systems behind addresses, from fsspec: each protocol's driver is imported when used."""

from typing import TYPE_CHECKING, Any

from data.declarations.address import WEB
from data.errors import SourceError, library_message

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONNECT_SECONDS = 30
READ_SECONDS = 60
"""So long a server may take to accept a connection, and then to send anything more."""

AMAZON = ("s3", "s3a")
PACKAGES = {"smbclient": "smbprotocol", "libarchive": "libarchive-c"}
"""Packages whose modules have another name."""


def file_system(url: str, where: str) -> tuple["AbstractFileSystem", str]:
    """Return the file system of a URL and the path in it; `SourceError` without its driver.

    Settings and passwords are what the driver finds in the environment. Nothing is cached from one
    call to the next, because files and passwords may have changed.
    """
    from fsspec.registry import get_filesystem_class

    protocol = url.partition("://")[0].lower()
    try:
        driver = get_filesystem_class(protocol)
        options = {**_options(protocol, url), **driver._get_kwargs_from_urls(url)}
        system = driver(skip_instance_cache=True, **options)
    except ImportError as error:
        raise _without_driver(protocol, error, where) from None
    if protocol in AMAZON:
        system.retries = 1  # `retried` tries again, and tells
    return system, str(driver._strip_protocol(url))


def _options(protocol: str, url: str) -> dict[str, Any]:
    """Return what a driver should do differently, as far as the user has not configured it."""
    from fsspec.config import conf

    options: dict[str, Any] = {}
    if protocol in WEB:
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options = {
            # A proxy and .netrc as in curl; a file that is packed stays so.
            "client_kwargs": {"timeout": timeout, "trust_env": True, "auto_decompress": False},
            "headers": {"Accept-Encoding": "identity"},
            "encoded": url.isascii() and " " not in url,  # else a signed query may change
        }
    elif protocol in AMAZON:
        options = {"config_kwargs": {"retries": {"max_attempts": 0}}}
    configured = {name for each in {protocol, *_aliases(protocol)} for name in conf.get(each, {})}
    return {name: value for name, value in options.items() if name not in configured}


def _aliases(protocol: str) -> tuple[str, ...]:
    return next((group for group in (WEB, AMAZON) if protocol in group), ())


def _without_driver(protocol: str, error: ImportError, where: str) -> SourceError:
    """Return which package is to be installed, as fsspec's registry and Python name it."""
    missing: BaseException = error
    while missing.__cause__ is not None:
        missing = missing.__cause__
    module = (getattr(missing, "name", None) or "").partition(".")[0]
    package = PACKAGES.get(module, module).replace("_", "-")
    known = "Install it" if missing is error else library_message(error).removesuffix(".")
    install = f" (pip install {package})" if isinstance(missing, ModuleNotFoundError) else ""
    return SourceError(
        f"The driver of {protocol}:// cannot be loaded: {library_message(missing)}",
        where=where,
        next_step=f"{known}{install}.",
    )
