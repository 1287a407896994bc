"""A web server on this machine that answers as a test has scripted it, well or badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 8192


@dataclass(frozen=True)
class Answer:
    """One response: of the file's bytes with Range support, unless told otherwise."""

    status: int = 200
    content: bytes | None = None  # instead of the file
    ranges: bool = True
    if_range: bool = True  # whether If-Range is minded
    etag: str | None = '"1"'
    headers: dict[str, str] = field(default_factory=dict)  # beside or instead of the usual ones
    length: str = "stated"  # or "chunked", or "unstated"
    stop_after: int | None = None  # bytes of the body, then the connection breaks
    stall_after: int | None = None  # bytes of the body, then silence until the server is released and goes on
    endless: bool = False  # the body over and over, in chunks


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    sent: list[int]  # bytes of the body, one number by piece

    @property
    def range(self) -> str | None:
        return self.headers.get("Range")

    @property
    def bytes(self) -> int:
        return sum(self.sent)


class HttpServer:
    """Serves each path by its script: one answer by request, the last one for all that follow."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.requests: list[Request] = []
        self.released = threading.Event()
        self._scripts: dict[str, tuple[bytes, list[Answer]]] = {}
        self._lock = threading.Lock()

    def serve(self, path: str, content: bytes, *script: Answer) -> str:
        """Answer requests for a path, and return its address."""
        self._scripts[path] = content, list(script) or [Answer()]
        return self.address + path

    @property
    def ranges(self) -> list[str | None]:
        return [request.range for request in self.requests]

    def next_answer(self, path: str, headers: dict[str, str]) -> tuple[Request, bytes, Answer]:
        with self._lock:
            request = Request(path, headers, [])
            self.requests.append(request)
            content, script = self._scripts.get(path, (b"", [Answer(404)]))
            answer = script.pop(0) if len(script) > 1 else script[0]
            return request, content if answer.content is None else answer.content, answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        request, content, answer = self.server.script.next_answer(self.path, dict(self.headers))
        status, headers, body = _response(request, content, answer)
        self.send_response(status)
        for key, value in {**headers, **answer.headers}.items():
            self.send_header(key, value)
        self.send_header("Connection", "close")  # told, lest the client sends its next request on this one
        self.end_headers()
        try:
            self._send(request, body, answer)
        except OSError:  # the client has had enough
            return

    def _send(self, request: Request, body: bytes, answer: Answer) -> None:
        position = 0
        while position < len(body):
            if position == answer.stop_after:
                return
            if position == answer.stall_after:
                self.server.script.released.wait(600)
            stops = [stop for stop in (answer.stop_after, answer.stall_after) if stop is not None and stop > position]
            piece = body[position : min([position + PIECE, *stops])]
            self._write(piece, answer)
            request.sent.append(len(piece))
            position += len(piece)
            if answer.endless and position == len(body):
                position = 0
        if answer.length == "chunked":
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, piece: bytes, answer: Answer) -> None:
        if answer.length == "chunked":
            piece = b"%x\r\n%s\r\n" % (len(piece), piece)
        self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _response(request: Request, content: bytes, answer: Answer) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/octet-stream"}
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    status, body = answer.status, content
    condition = request.headers.get("If-Range") if answer.if_range else None
    if status == 200 and answer.ranges and request.range is not None and condition in (None, answer.etag):
        start = int(request.range.removeprefix("bytes=").removesuffix("-"))
        if start < len(content):
            status, body = 206, content[start:]
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        else:
            status, body = 416, b""
            headers["Content-Range"] = f"bytes */{len(content)}"
    if answer.length == "stated":
        headers["Content-Length"] = str(len(body))
    elif answer.length == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    return status, headers, body


@contextmanager
def http_server() -> Iterator[HttpServer]:
    """A server that answers until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    script = HttpServer(server.server_address[1])
    server.script = script  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
