"""A proxy before the S3 server that cuts answers, as some networks and gateways do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

from tests.s3_server import S3Server


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a chunked body holds, to its end."""
    while size := int(stream.readline().partition(b";")[0], 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


Cut = Callable[[str, bytes], bytes]
"""What a GET of a path gives instead of this content; its length is told as if that were all."""


class CuttingProxy:
    """Hands on what is asked of a server; what objects are read goes through `cut`."""

    def __init__(self, server: S3Server) -> None:
        self.cut: Cut = lambda _, content: content
        self.reads: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy.hand_on(self, server.port)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def hand_on(self, asked: BaseHTTPRequestHandler, port: int) -> None:
        is_chunked = asked.headers.get("Transfer-Encoding") == "chunked"
        body = chunks(asked.rfile) if is_chunked else asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in asked.headers.items() if name.lower() != "expect"}
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        server.request(asked.command, asked.path, body, headers, encode_chunked=is_chunked)
        answer = server.getresponse()
        content = answer.read()
        server.close()
        is_read = asked.command == "GET" and answer.status in (200, 206) and "list-type" not in asked.path
        if is_read:
            self.reads.append(asked.path)
            content = self.cut(asked.path, content)
        asked.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "server", "date"):
                asked.send_header(name, value)
        length = answer.getheader("Content-Length") if asked.command == "HEAD" else str(len(content))
        asked.send_header("Content-Length", length or "0")
        asked.end_headers()
        asked.wfile.write(content)

    def uri(self, path: str) -> str:
        port = self._http.server_address[1]
        return f"s3://bucket/{path}?scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)
