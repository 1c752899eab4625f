"""Encrypted connections to a scheduler: their certificates, and why there is none, in words."""

import socket
import ssl

import dask
from distributed import Security

from data.errors import ClusterError, first_line

TLS_FILES = ("ca-file", "client.cert", "client.key")
"""Where Dask's configuration names the files of a client, in distributed.comm.tls."""

REASONS = {
    "certificate has expired": "its certificate has expired",
    "not yet valid": "its certificate is not valid yet",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not of the authority in our ca-file",
    "CERTIFICATE_EXPIRED": "it does not accept our certificate, which has expired",
    "BAD_CERTIFICATE": "it does not accept our certificate, which may not be valid yet",
    "UNKNOWN_CA": "it does not accept our certificate, which is not of its authority",
    "DECRYPT_ERROR": "it does not accept our certificate, which is not of its authority",
    "CERTIFICATE_REQUIRED": "it wants a certificate, and Dask's configuration names none of ours",
    "WRONG_VERSION_NUMBER": "it does not encrypt",
}
"""The usual reasons why there is no encrypted connection, by what an SSLError says; the first one
that it says holds."""

ALERT = "ALERT"
"""What an SSLError says if the other one encrypts, but does not want to go on."""


def tls_context(url: str) -> ssl.SSLContext:
    """Return what Dask's configuration says of certificates; ClusterError if it is of no use."""
    try:
        context: ssl.SSLContext | None = Security().get_connection_args("client")["ssl_context"]
    except OSError as error:  # also of a file that is no certificate, which is an SSLError
        names = [dask.config.get(f"distributed.comm.tls.{key}") for key in TLS_FILES]
        files = ", ".join(str(name) for name in names if name)
        raise not_encrypted(url, f"one of {files} cannot be used ({first_line(error)})") from None
    if context is None:
        raise not_encrypted(url, "Dask's configuration names no certificates")
    return context


def not_encrypted(url: str, reason: str) -> ClusterError:
    """Return an error with the reason why there is no encrypted connection."""
    return ClusterError(
        f"no encrypted connection can be made: {reason}.",
        where=url,
        next_step="Give scheduler, workers and nightfit valid certificates of one authority, in"
        " distributed.comm.tls of Dask's configuration; with none, write tcp://.",
    )


def tls_reason(error: ssl.SSLError) -> str:
    """Return why there is no encrypted connection, in words for the usual reasons."""
    text = str(error)
    return next((reason for said, reason in REASONS.items() if said in text), first_line(error))


def encrypts(address: tuple[str, int], seconds: float) -> bool:
    """Return whether what listens at an address waits for an encrypted connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(address, timeout=seconds) as called:
            context.wrap_socket(called).close()
            return True
    except OSError as error:  # an SSLError is one
        return ALERT in str(error)
