"""A server of S3 for the tests, by moto, on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

_NUMBERS = count(1)


class ObjectStore:
    """A running server, whose address and keys are in the environment, as for its driver."""

    def __init__(self, client):
        self.client = client

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"bucket-{next(_NUMBERS)}"
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> str:
        """Store a file and return its address."""
        self.client.put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"


@contextmanager
def running() -> Iterator[ObjectStore]:
    """Start a server, name it in the environment, and stop it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "hidden-secret-key",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }.items():
            environment.setenv(name, value)
        try:
            yield ObjectStore(boto3.client("s3"))
        finally:
            server.stop()
