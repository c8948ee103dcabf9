"""An index in an S3 bucket.

Credentials, profiles, regions and endpoints are boto3's own settings (``AWS_PROFILE``, ``AWS_ENDPOINT_URL_S3`` …).
Conditional writes are single PUTs: multipart uploads ignore the condition on some servers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from dioptra.plugins.errors import (
    DioptraPluginsError,
    IndexAccessError,
    ObjectNotFoundError,
    PreconditionFailedError,
)
from dioptra.plugins.object_store.keys import check_key
from dioptra.plugins.object_store.port import PAGE_LIMIT, ObjectEntry, Sink, StoredObject
from dioptra.plugins.object_store.s3_transport import ATTEMPTS, S3Transport

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse

_CHUNK = 1024 * 1024
_NOT_MODIFIED = 304
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "412", "409"})
# Only what S3 itself says: the 404 of something in between, such as a proxy's page, is no answer of the store.
_NO_KEY = "NoSuchKey"
_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "401"})


class S3Store:
    """An object store below a prefix of one bucket."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        """Open a bucket; no request is made.

        Args:
            bucket: Bucket name.
            prefix: Key prefix of the index, without slashes at its ends.

        Raises:
            ConfigurationError: boto3 is not installed, or its settings are unusable.
        """
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._transport = S3Transport(bucket)

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def address(self, key: str) -> str:
        """The ``s3://`` URL of a key."""
        return f"{self.url}/{quote(check_key(key))}"

    def read(self, key: str, *, limit: int = PAGE_LIMIT) -> StoredObject:
        """Read one object whole; see the port."""
        found = self._read(key, {}, limit)
        assert found is not None, "only a conditional request can be answered with 304"
        return found

    def read_if_changed(self, key: str, etag: str, *, limit: int = PAGE_LIMIT) -> StoredObject | None:
        """Read one object whole if it changed; see the port."""
        return self._read(key, {"If-None-Match": f'"{etag}"'} if etag else {}, limit)

    def _read(self, key: str, headers: Mapping[str, str], limit: int) -> StoredObject | None:
        with self._translated(key):
            response = self._transport.send("GET", self._key(key), headers=headers, is_streamed=True)
            if response.status_code == _NOT_MODIFIED:
                response.raw.drain_conn()
                return None
            with contextlib.closing(response.raw) as stream:
                size = self._size(key, response)
                body = stream.read(limit + 1)
            if len(body) > limit:
                raise self._too_large(key, limit)
            if size is not None and len(body) != size:
                raise self._cut(key, size, len(body))
            return StoredObject(
                url=self.address(key),
                body=body,
                etag=response.headers.get("etag", "").strip('"'),
                content_type=response.headers.get("content-type", ""),
            )

    def download(self, key: str, sink: Sink, *, limit: int) -> None:
        """Copy one object in chunks; see the port."""
        with self._translated(key):
            response = self._transport.send("GET", self._key(key), is_streamed=True)
            with contextlib.closing(response.raw) as stream:
                size, written = self._size(key, response), 0
                if size is not None and size > limit:
                    raise self._too_large(key, limit)
                while chunk := stream.read(_CHUNK):
                    written += len(chunk)
                    if written > limit:
                        raise self._too_large(key, limit)
                    sink.write(chunk)
            if size is not None and written != size:
                raise self._cut(key, size, written)

    def _size(self, key: str, response: AWSResponse) -> int | None:
        """The length of an answer's body; None where it comes in chunks, whose end is marked.

        Raises:
            IndexAccessError: It is not the whole object, or its end could not be told from a broken connection.
        """
        length = response.headers.get("content-length")
        is_chunked = response.headers.get("transfer-encoding", "").lower() == "chunked"
        if response.status_code != 200 or (length is None and not is_chunked):
            raise IndexAccessError(
                f"{self.url}/{key} cannot be read whole",
                why=f"status {response.status_code}, Content-Length {length} ({self._transport.place})",
            )
        return None if length is None else int(length)

    def list(self, prefix: str) -> Iterator[ObjectEntry]:
        """List objects page by page; see the port."""
        root = f"{self._prefix}/" if self._prefix else ""
        # Names may hold characters that XML cannot.
        query = {"list-type": "2", "prefix": root + prefix, "encoding-type": "url"}
        while True:
            with self._translated(prefix):
                response = self._transport.send("GET", query=query)
                page = self._transport.parse(response, "ListObjectsV2")
                if "Name" not in page:
                    # A sign-in page, say, which must not look like an empty index.
                    raise IndexAccessError(
                        f"{self.url} gave no listing", why=f"its answer begins {response.content[:60]!r}"
                    )
            for item in page.get("Contents", []):
                key = unquote(item["Key"]) if page.get("EncodingType") == "url" else item["Key"]
                yield ObjectEntry(key=key.removeprefix(root), etag=item["ETag"].strip('"'), size=item["Size"])
            is_truncated, token = page.get("IsTruncated"), page.get("NextContinuationToken")
            if is_truncated is False:
                return
            if not is_truncated or not token or token == query.get("continuation-token"):
                # What is missing at the end would look like objects that are not there.
                raise IndexAccessError(
                    f"{self.url} gave a listing that does not say where it goes on",
                    why=f"IsTruncated is {is_truncated}, NextContinuationToken {token!r} ({self._transport.place})",
                    hint="an index needs a server with ListObjectsV2",
                )
            query = {**query, "continuation-token": token}

    def write(
        self, key: str, body: bytes | Path, *, expected: str | None, content_type: str, cache_control: str
    ) -> str:
        """Write one object with one conditional PUT; see the port."""
        # Ceph compares If-Match with the bare tag; AWS takes both forms.
        condition = {"If-None-Match": "*"} if expected is None else {"If-Match": expected}
        headers = {"Content-Type": content_type, "Cache-Control": cache_control, **condition}
        with self._translated(key):
            try:
                response = self._transport.send("PUT", self._key(key), headers=headers, body=body)
            except self._transport.client.exceptions.ClientError as problem:
                if expected is not None and isinstance(self._refused(key, problem), ObjectNotFoundError):
                    raise PreconditionFailedError(self.address(key)) from problem
                raise
            etag = str(response.headers.get("etag", "")).strip('"')
            if not etag:
                # A page of something in between, which has not written anything.
                raise IndexAccessError(
                    f"{self.url}/{key} was not written for certain",
                    why=f"status {response.status_code} without an ETag ({self._transport.place})",
                )
            return etag

    def delete(self, key: str) -> None:
        """Remove one object; see the port."""
        with self._translated(key):
            response = self._transport.send("DELETE", self._key(key))
            if response.content:
                raise IndexAccessError(
                    f"{self.url}/{key} was not removed for certain",
                    why=f"its answer begins {response.content[:60]!r} ({self._transport.place})",
                )

    def keeps_trailing_slash_keys(self) -> bool:
        """Write a key that ends in ``/`` and one below it, and see whether both can be read."""
        folder, below = ".dioptra-probe/", ".dioptra-probe/below"
        try:
            self._write_probe(folder)
            try:
                self._write_probe(below)
            except IndexAccessError:
                # rclone fails here, because the folder's name is a file now. Any other failure fails again without it.
                self.delete(folder)
                self._write_probe(below)
                return False
            return all(self.read(key).body == key.encode() for key in (folder, below))
        except ObjectNotFoundError:
            return False
        finally:
            for key in (below, folder):
                self.delete(key)

    def _write_probe(self, key: str) -> None:
        with contextlib.suppress(PreconditionFailedError):  # left by an interrupted probe
            self.write(key, key.encode(), expected=None, content_type="text/plain", cache_control="no-store")

    def presigned_url(self, key: str, *, method: Literal["GET", "HEAD"], seconds: int) -> str:
        """A URL that anybody may read one object by, for a while (SigV4)."""
        operation: Literal["get_object", "head_object"] = "get_object" if method == "GET" else "head_object"
        with self._translated(key):
            return self._transport.client.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, "Key": self._key(key)}, ExpiresIn=seconds
            )

    def server_time(self) -> datetime | None:
        """The time of an answer; see `dioptra.plugins.object_store.probe.RemoteStore`."""
        from email.utils import parsedate_to_datetime

        with self._translated(""):
            response = self._transport.send("GET", query={"list-type": "2", "max-keys": "1"})
        date = response.headers.get("date")
        return None if date is None else parsedate_to_datetime(date)

    def accepts_anonymous_writes(self, key: str) -> bool:
        """Try to write without credentials; see `dioptra.plugins.object_store.probe.RemoteStore`."""
        anonymous = S3Store(self._bucket, self._prefix)
        anonymous._transport = S3Transport(self._bucket, signed=False)
        try:
            anonymous.write(key, b"anybody", expected=None, content_type="text/plain", cache_control="no-store")
        except IndexAccessError:
            return False
        self.delete(key)
        return True

    def _key(self, key: str) -> str:
        return f"{self._prefix}/{check_key(key)}" if self._prefix else check_key(key)

    @contextlib.contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        url = f"{self.url}/{key}"
        try:
            yield
        except DioptraPluginsError:
            raise
        except ClientError as problem:
            raise self._refused(url, problem) from problem
        except ResponseParserError as problem:
            raise IndexAccessError(
                f"{url} gave a malformed answer", why=f"{problem} ({self._transport.place})"
            ) from problem
        except (BotoCoreError, HTTPClientError, HTTPError, OSError) as problem:
            raise IndexAccessError(
                f"{url} cannot be reached",
                why=f"{problem} ({ATTEMPTS} attempts, {self._transport.place})",
                hint="check AWS_ENDPOINT_URL_S3, AWS_PROFILE and the network",
            ) from problem

    def _refused(self, url: str, problem: Exception) -> DioptraPluginsError:
        response = getattr(problem, "response", {})
        error = response.get("Error", {})
        code, status = str(error.get("Code", "")), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        tries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        attempts = f", {tries} attempts" if tries > 1 else ""
        said = f"status {status} {code} {error.get('Message') or ''}".rstrip() + attempts
        if code in _LOST_RACE:
            return PreconditionFailedError(url)
        if code == "NoSuchBucket":
            return IndexAccessError(
                f"the bucket '{self._bucket}' does not exist",
                why=f"{said} ({self._transport.place})",
                hint=f"aws s3 mb s3://{self._bucket}",
            )
        if code == _NO_KEY:
            return ObjectNotFoundError(url)
        if code in _DENIED or status in {401, 403}:
            return IndexAccessError(
                f"access to {url} is denied",
                why=f"{said} ({self._transport.place})",
                hint="check AWS_PROFILE and the bucket's policy (index/policies/)",
            )
        return IndexAccessError(f"{url} failed", why=f"{said} ({self._transport.place})")

    def _too_large(self, key: str, limit: int) -> IndexAccessError:
        return IndexAccessError(f"{self.url}/{key} is too large", why=f"at most {limit} bytes are read")

    def _cut(self, key: str, size: int, found: int) -> IndexAccessError:
        return IndexAccessError(
            f"{self.url}/{key} was cut off",
            why=f"{found} of {size} bytes came ({self._transport.place})",
            hint="run it again",
        )
