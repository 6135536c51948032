"""A laboratory of hosts on one machine, for tests of the cluster files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "lab"
HEAD, WORKERS = "127.0.0.2", ("127.0.0.3", "127.0.0.4")
NEEDED = {"ip": "iproute2", "rsync": "rsync", "sshd": "openssh-server", "ssh": "openssh-client", "unshare": "util-linux"}


class Lab:
    """Three hosts in namespaces of this machine, reached by SSH on loopback, and a launcher beside them.

    Each has a home, a /tmp/ray and process ids of its own; other files are the same everywhere. Ending the process
    that holds the namespaces ends all that runs in them.

    Args:
        folder: where homes, keys and logs lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "HOME": str(folder / "launcher" / "home"),
            "PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "RAY_UP_enable_autoscaler_v2": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "LANG": "C.UTF-8",
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
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True, timeout=30)

    def _write_python(self) -> None:
        """Put a python3.12 on the hosts' PATH whose environments find what is installed here: there is no network."""
        packages = sysconfig.get_path("purelib")
        within = Path(packages).relative_to(sys.prefix)
        script = f'#!/bin/sh\n{sys.executable} "$@" && echo {packages} > ~/bs_study_env/{within}/lab.pth\n'
        python = self.folder / "bin" / "python3.12"
        python.parent.mkdir()
        python.write_text(script)
        python.chmod(0o755)

    def _write_login(self, node: int) -> None:
        home = self.folder / f"node{node}" / "home"
        exports = (
            f"PATH={self.folder}/bin:$PATH LAB_IP=127.0.0.{node} LANG=C.UTF-8 "
            "PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "
            "RAY_gcs_rpc_server_reconnect_timeout_s=5"  # how long a worker waits for its head: 60 s otherwise
        )
        (home / ".bashrc").write_text(f"export {exports}\n")
        (home / ".bash_profile").write_text(". ~/.bashrc\n")
        shutil.copy(self.folder / "id.pub", self.folder / f"node{node}" / "authorized_keys")

    def start(self) -> None:
        with (self.folder / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(
                # --pdeathsig: a test run that is killed takes its laboratory with it.
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "--pid", "--fork"]
                + ["--kill-child", "--mount-proc", "bash", SCRIPTS / "lab.sh", self.folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_for((self.folder / "up").exists, seconds=30)
        for host in (HEAD, *WORKERS):
            self.wait_for(lambda host=host: self.on(host, "true", check=False).returncode == 0, seconds=30)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(timeout=30)

    def run(
        self, *command: str, seconds: float = 60, check: bool = True, cwd: Path = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the launcher."""
        pid = self._process.pid
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

    def on(self, host: str, command: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host, by SSH."""
        ssh = ["ssh", "-q", "-i", str(self.folder / "id"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        unknown = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return self.run(*ssh, *unknown, f"root@{host}", command, **options)  # type: ignore[arg-type]

    def wait_for(self, holds: Callable[[], object], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if self._process.poll() is not None:
                raise RuntimeError(f"the laboratory ended: {(self.folder / 'lab.log').read_text()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so after {seconds:g} s")
            time.sleep(0.25)


def lab_config() -> dict[str, object]:
    """Return sweeps/on_premises.yaml for the hosts of a lab: their addresses, a faked GPU each, the lab's key."""
    config = yaml.safe_load((REPOSITORY / "sweeps" / "on_premises.yaml").read_text())
    config["provider"] |= {"head_ip": HEAD, "worker_ips": list(WORKERS)}
    head, worker = config["head_start_ray_commands"], config["worker_start_ray_commands"]
    # All hosts share one loopback, so each says which address is its own.
    head[-1] = head[-1].replace("ray start", f"ray start --node-ip-address={HEAD}")
    worker[-1] = worker[-1].replace("ray start", "ray start --node-ip-address=$LAB_IP --num-cpus=1 --num-gpus=1")
    return config


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A running laboratory; skips where this machine can't hold one."""
    missing = sorted({package for command, package in NEEDED.items() if not shutil.which(command, path=_PATH)})
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install -y {' '.join(missing)}")
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("needs root and namespaces: run it as root, not in a restricted container")
    pytest.importorskip("aiohttp_cors", reason="needs the Jobs API: pip install 'ray[default]'")
    lab = Lab(tmp_path)
    lab.start()
    try:
        yield lab
    finally:
        lab.end()


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
