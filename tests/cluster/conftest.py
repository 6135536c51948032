"""A laboratory of hosts on one machine, for tests of the cluster files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "lab"
NAMESPACES = ("--net", "--mount", "--uts", "--pid", "--mount-proc")
NEEDED = {
    "ip": "iproute2",
    "ps": "procps",
    "rsync": "rsync",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "unshare": "util-linux",
}


class Lab:
    """Three hosts in namespaces of this machine, reached by SSH on loopback, and a launcher beside them.

    Each has a home, a /tmp/ray and process ids of its own; other files are the same everywhere. Ending the process
    that holds the namespaces ends all that runs in them.

    Args:
        folder: where homes, keys and logs lie.
    """

    head = "127.0.0.2"
    workers = ("127.0.0.3", "127.0.0.4")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "HOME": str(folder / "launcher" / "home"),
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "RAY_UP_enable_autoscaler_v2": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder / "launcher"),
        }
        for place in ("launcher", "node2", "node3", "node4"):
            (folder / place / "ray").mkdir(parents=True)
            (folder / place / "home").mkdir()
        self._write_keys()
        self._write_python()
        for node in (2, 3, 4):
            self._write_login(node)

    def _write_keys(self) -> None:
        for key in ("id", "node2/host_key", "node3/host_key", "node4/host_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True, timeout=30
            )

    def _write_python(self) -> None:
        """Put a python3.12 on the hosts' PATH: its environments find what is installed here, as there is no network."""
        python = self.folder / "bin" / "python3.12"
        python.parent.mkdir()
        shutil.copy(SCRIPTS / "python.sh", python)
        python.chmod(0o755)

    def _write_login(self, node: int) -> None:
        home = self.folder / f"node{node}" / "home"
        exports = (
            f"PATH={self.folder}/bin:$PATH LAB_PYTHON={sys.executable} LAB_IP=127.0.0.{node} LANG=C.UTF-8 "
            "PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "
            "RAY_gcs_rpc_server_reconnect_timeout_s=5"  # how long a worker waits for its head: 60 s otherwise
        )
        (home / ".bashrc").write_text(f"export {exports}\n")
        (home / ".bash_profile").write_text(". ~/.bashrc\n")
        shutil.copy(self.folder / "id.pub", self.folder / f"node{node}" / "authorized_keys")

    def start(self) -> None:
        # --pdeathsig: a test run that is killed takes its laboratory with it.
        begin = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", *NAMESPACES]
        begin += ["bash", str(SCRIPTS / "lab.sh"), str(self.folder)]
        with (self.folder / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(begin, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_for((self.folder / "up").exists, seconds=30)
        for host in (self.head, *self.workers):
            self.wait_for(lambda host=host: self.on(host, "true", check=False).returncode == 0, seconds=30)

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)

    def run(
        self, *command: str, seconds: float = 60, check: bool = True, cwd: Path = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the launcher."""
        pid = self._process.pid if self._process else 0
        enter = ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", f"--pid=/proc/{pid}/ns/pid_for_children"]
        done = subprocess.run(
            ["timeout", "-k", "5", str(seconds), *enter, f"--wd={cwd}", *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done

    def on(self, host: str, command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host, by SSH."""
        ssh = ["ssh", "-q", "-i", str(self.folder / "id"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        unknown = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return self.run(*ssh, *unknown, f"root@{host}", command, **options)

    def wait_for(self, holds: Callable[[], object], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if self._process and self._process.poll() is not None:
                raise RuntimeError(f"the laboratory ended: {(self.folder / 'lab.log').read_text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so after {seconds:g} s")
            time.sleep(0.25)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running laboratory; skips where this machine can't hold one."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({package for command, package in NEEDED.items() if not shutil.which(command, path=path)})
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install -y {' '.join(missing)}")
    pytest.importorskip("aiohttp_cors", reason="needs the Jobs API: pip install 'ray[default]'")
    namespaces = [
        "unshare",
        "--net",
        "--mount",
        "--uts",
        "--pid",
        "--fork",
        "--mount-proc",
        "mount",
        "-t",
        "tmpfs",
        "-",
    ]
    if os.geteuid() != 0 or subprocess.run([*namespaces, "/run"], check=False, capture_output=True).returncode:
        pytest.skip("needs root that may make namespaces and mounts: no restricted container")
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.end()


@pytest.fixture(scope="module")
def lab_config(lab: Lab) -> dict[str, Any]:
    """sweeps/on_premises.yaml for the hosts of the laboratory: their addresses, its key, a faked GPU each."""
    config: dict[str, Any] = yaml.safe_load((REPOSITORY / "sweeps" / "on_premises.yaml").read_text())
    config["cluster_name"] = f"lab-{os.getpid()}"  # it is in the paths of SSH's sockets
    config["provider"] |= {"head_ip": lab.head, "worker_ips": list(lab.workers)}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.folder / "id")}
    head, worker = config["head_start_ray_commands"], config["worker_start_ray_commands"]
    # All hosts share one loopback, so each says which address is its own.
    head[-1] = head[-1].replace("ray start", f"ray start --node-ip-address={lab.head}")
    worker[-1] = worker[-1].replace("ray start", "ray start --node-ip-address=$LAB_IP --num-cpus=1 --num-gpus=1")
    return config
