"""A server that speaks S3 on this machine, in a process that can be stopped and started."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

from pyarrow import fs as pafs

ACCESS_KEY_ID = "AKIATESTTESTTESTTEST"
SECRET_ACCESS_KEY = "0nlyForTests/NeverInTheStore/ItsAllASecret"  # noqa: S105  of a server on this machine


class S3Server:
    """moto's server, with an empty bucket; needs the two keys above in the environment."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_it_listens()
        self.filesystem.create_dir("bucket")

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + 200
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError("moto's server does not listen")

    @property
    def filesystem(self) -> pafs.S3FileSystem:
        return pafs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}", scheme="http", region="us-east-1", allow_bucket_creation=True
        )

    @property
    def options(self) -> str:
        """What a URI within the bucket ends with."""
        return f"scheme=http&endpoint_override=127.0.0.1:{self.port}&region=us-east-1"

    def uri(self, path: str) -> str:
        return f"s3://bucket/{path}?{self.options}"

    def clear(self) -> None:
        self.filesystem.delete_dir_contents("bucket", missing_dir_ok=True)

    def pause(self) -> None:
        """Stop answering; connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Go, with all that it holds; connections are refused from now on."""
        self.process.kill()
        self.process.wait(timeout=20)
