"""An S3 server of moto's, on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

MISSING = [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]
REASON = f"needs an S3 server: `uv sync --group s3` installs {', '.join(MISSING)}"


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A server with the bucket `bucket`; yields the environment variables that lead to it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        access = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "a secret"}
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="a secret"
        )
        client.create_bucket(Bucket="bucket")
        more = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        yield {**access, **more}
    finally:
        server.stop()
