"""Single requests to S3: botocore's credentials, endpoints, signatures and sessions, without its client around them.

A call of boto3's client costs about twice the processor time of the request itself, which counts where hundreds of
small objects are read or written. So requests are made of botocore's own parts: its client says where a bucket is, its
signer signs (SigV4), its HTTP session sends through the proxies and with the certificates that are configured for
boto3, and its parser reads the answers.
"""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from dioptra.plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 4
_CONNECTIONS = 32
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0
_PASSING = frozenset({429, 500, 502, 503, 504})
_PASSING_CODES = frozenset({"RequestTimeout", "SlowDown"})
_NOT_MODIFIED = 304
_ELSEWHERE = frozenset({301, 307, 400, 403})
_REGION_HEADER = "x-amz-bucket-region"
# A refusal of a larger body should come before the body was sent.
_EXPECT_FROM = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a bucket is and how requests to it are signed.

    Attributes:
        url: Its URL, virtual-hosted or path-style, without a slash at its end.
        region: The region to sign for.
        service: The service to sign for.
    """

    url: str
    region: str
    service: str


class S3Transport:
    """Sends requests to one bucket; may be used by several threads."""

    def __init__(self, bucket: str, *, signed: bool = True) -> None:
        """Read boto3's settings; no request is made.

        Args:
            bucket: Bucket name.
            signed: Whether requests carry credentials.

        Raises:
            ConfigurationError: boto3 is not installed, or its settings are unusable.
        """
        try:
            import boto3
            import botocore.session
            from botocore.exceptions import BotoCoreError
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                "an s3:// index needs boto3",
                why=f"{missing.name} is not installed",
                hint="install dioptra-plugins with its extra 's3'",
            ) from missing
        self._bucket, self._signed = bucket, signed
        try:
            core = botocore.session.get_session()
            self._session = boto3.session.Session(botocore_session=core)
            self.client = self._make_client(None)
            certificates = core.get_config_variable("ca_bundle")
        except (BotoCoreError, ValueError) as problem:
            raise ConfigurationError(
                "boto3 cannot be set up", why=str(problem), hint="check AWS_PROFILE and AWS_ENDPOINT_URL_S3"
            ) from problem
        self._http = _http_session(self.client.meta.endpoint_url, certificates)
        self._address: _Address | None = None
        self._resolving = threading.Lock()

    @property
    def place(self) -> str:
        """Where requests go and as whom, for messages."""
        return f"endpoint {self.client.meta.endpoint_url}, profile {self._session.profile_name}"

    def send(
        self,
        method: str,
        key: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | Path = b"",
        is_streamed: bool = False,
    ) -> AWSResponse:
        """Send one request; passing failures are tried again, a little later each time.

        Args:
            method: HTTP method.
            key: The object's key; empty for the bucket itself.
            headers: Further headers.
            query: Further parameters.
            body: What to send.
            is_streamed: Whether the answer's body is left in ``raw`` for the caller to read.

        Returns:
            The answer, of status 2xx, or 304 to a conditional request.

        Raises:
            botocore.exceptions.ClientError: The server refused, with its code, message and status.
            botocore.exceptions.BotoCoreError: It could not be reached, or there are no credentials.
            OSError: `body` cannot be read.
        """
        from botocore.exceptions import (
            ConnectionClosedError,
            ConnectTimeoutError,
            EndpointConnectionError,
            ReadTimeoutError,
        )

        moved = False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                address = self._resolved()
                response = self._send_once(address, method, key, headers or {}, query or {}, body, is_streamed)
            except (ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError):
                if attempt == ATTEMPTS:
                    raise
                _wait(attempt)
                continue
            if response.status_code < 300 or response.status_code == _NOT_MODIFIED:
                return response
            refusal = self.parse(response, "ListObjectsV2")
            refusal["ResponseMetadata"]["RetryAttempts"] = attempt - 1
            if attempt == ATTEMPTS:
                break
            region = response.headers.get(_REGION_HEADER)
            if response.status_code in _ELSEWHERE and region and region != address.region and not moved:
                moved = True
                self._move(region)
            elif response.status_code in _PASSING or refusal.get("Error", {}).get("Code") in _PASSING_CODES:
                _wait(attempt)
            else:
                break
        raise _refused(refusal, method)

    def parse(self, response: AWSResponse, operation: str) -> dict[str, Any]:
        """Read the XML of an answer.

        Args:
            response: The answer.
            operation: The operation of S3's model whose output it is.

        Raises:
            botocore.parsers.ResponseParserError: It is malformed.
        """
        from botocore.parsers import create_parser

        shape: Any = self.client.meta.service_model.operation_model(operation).output_shape
        parsed: dict[str, Any] = create_parser("rest-xml").parse(
            {"status_code": response.status_code, "headers": response.headers, "body": response.content}, shape
        )
        return parsed

    def _send_once(
        self,
        address: _Address,
        method: str,
        key: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes | Path,
        is_streamed: bool,
    ) -> AWSResponse:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import NoCredentialsError

        url = f"{address.url}/{quote(key, safe='/~')}"
        content: bytes | IO[bytes] = body if isinstance(body, bytes) else body.open("rb")
        try:
            request = AWSRequest(method, url, headers=headers, data=content, params=query, stream_output=is_streamed)
            request.headers["User-Agent"] = "dioptra-plugins"
            if (len(body) if isinstance(body, bytes) else body.stat().st_size) >= _EXPECT_FROM:
                request.headers["Expect"] = "100-continue"
            if self._signed:
                credentials = self._session.get_credentials()
                if credentials is None:
                    raise NoCredentialsError()
                S3SigV4Auth(credentials.get_frozen_credentials(), address.service, address.region).add_auth(request)
            return self._http.send(request.prepare())
        finally:
            if not isinstance(content, bytes):
                content.close()

    def _resolved(self) -> _Address:
        """The bucket's address: where botocore's client would send a request, and what it would sign it for."""
        with self._resolving:
            if self._address is None:
                self._address = _address(self.client, self._bucket)
            return self._address

    def _move(self, region: str) -> None:
        """Send to another region from now on; of several threads that are told so one makes the change."""
        with self._resolving:
            if self._address is None or self._address.region != region:
                self.client, self._address = self._make_client(region), None

    def _make_client(self, region: str | None) -> S3Client:
        from botocore import UNSIGNED
        from botocore.config import Config

        settings = Config(
            signature_version="s3v4" if self._signed else UNSIGNED,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # Newer checksums than "when required" are refused by several servers that are not AWS.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.client("s3", region_name=region, config=settings)


def _refused(refusal: Any, operation: str) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError(refusal, operation)


def _address(client: S3Client, bucket: str) -> _Address:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.compat import HTTPHeaders
    from botocore.exceptions import ClientError

    requests: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 404, HTTPHeaders(), _NoBody())

    events: Any = client.meta.events  # its stubs know no hook that answers
    events.register("before-send.s3.GetObject", answer)
    try:
        client.get_object(Bucket=bucket, Key="k")
    except ClientError:
        (request,) = requests
    finally:
        events.unregister("before-send.s3.GetObject", answer)
    signed_for = re.search(r"Credential=\S+?/\d{8}/([^/]+)/([^/]+)/", str(request.headers.get("Authorization", "")))
    region, service = signed_for.groups() if signed_for else ("", "")
    return _Address(request.url.partition("?")[0].removesuffix("/k"), region, service)


class _NoBody:
    def stream(self) -> Iterator[bytes]:
        return iter(())


def _http_session(endpoint: str, certificates: str | None) -> URLLib3Session:
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    # The stubs know fewer types than it takes.
    settings: dict[str, Any] = {
        "verify": certificates or os.environ.get("REQUESTS_CA_BUNDLE") or True,
        "proxies": get_environ_proxies(endpoint),
        "timeout": (_CONNECT_SECONDS, _READ_SECONDS),
        "max_pool_connections": _CONNECTIONS,
        # A head and a body leave as two packets: with Nagle's algorithm the second waits 40 ms for an acknowledgement.
        "socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    }
    return URLLib3Session(**settings)


def _wait(attempt: int) -> None:
    """Wait before another attempt: full jitter, twice as long each time."""
    longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads load, guards nothing
