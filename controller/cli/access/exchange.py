"""Requests to a server that may be anything: bounded in time and size, every failure one sentence."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx

from controller import __version__
from controller.cli.table import printable
from controller.errors import RemoteRefusedError, UsageError

MOST_BYTES: Final = 256 * 1024 * 1024
"""Of an answer: a plan that names 1,000,000 machines is about as long."""
_MOST_WORDS: Final = 1000
"""Characters of a refusal that are shown; it is somebody else's text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    content: bytes

    @property
    def success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        """The body as JSON, None for an empty one.

        Raises:
            ValueError: It is none, or nested deeper than a body of ours ever is.
        """
        try:
            return json.loads(self.content) if self.content else None
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class Exchange:
    """One server, with one person's token."""

    def __init__(
        self,
        server: str,
        headers: Mapping[str, str],
        ca_file: Path | None,
        *,
        trust_environment: bool = False,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: The address, as sentences name it.
            headers: Sent with every request; a token among them.
            ca_file: Authorities to trust in place of the usual ones.
            trust_environment: Go through the proxy that the environment names.

        Raises:
            UsageError: A header that cannot be sent, or a file that holds no certificates.
        """
        for value in headers.values():
            if not value.isascii() or not value.isprintable():
                raise UsageError(
                    "the token has characters that no token has; copy it once more, without what "
                    "is around it"
                )
        self.server = server
        try:
            self._client = httpx.Client(
                headers={"User-Agent": f"gitward/{__version__}", **headers},
                verify=ssl.create_default_context(cafile=str(ca_file)) if ca_file else True,
                trust_env=trust_environment,
            )
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"--ca-file {ca_file}: no certificates can be read there") from error

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        seconds: float,
    ) -> Answer:
        """Send and take the whole answer, whatever its status.

        Raises:
            RemoteRefusedError: No answer, or one that is too slow, too large or cut off.
        """
        end = monotonic() + seconds
        try:
            with self._client.stream(
                method, url, json=body, params=query, timeout=seconds
            ) as response:
                return Answer(response.status_code, self._whole(response, end))
        except httpx.TimeoutException as error:
            raise self._slow() from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise RemoteRefusedError(f"cannot reach {self.server}: {said(error)}") from error
        except httpx.DecodingError as error:
            raise RemoteRefusedError(f"{self.server} answered what cannot be unpacked") from error
        except httpx.HTTPError as error:
            raise RemoteRefusedError(
                f"{self.server} gave no whole answer: {said(error)}"
            ) from error

    def _whole(self, response: httpx.Response, end: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > MOST_BYTES:
                raise RemoteRefusedError(f"{self.server} answers more than {MOST_BYTES} bytes")
            if monotonic() > end:  # one byte now and then is no answer either
                raise self._slow()
            parts.append(part)
        return b"".join(parts)

    def _slow(self) -> RemoteRefusedError:
        return RemoteRefusedError(f"{self.server} does not answer in time; try again later")


def said(what: object) -> str:
    """Somebody else's words as one line that cannot steer a terminal."""
    text = printable(str(what)).strip()
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}..."
