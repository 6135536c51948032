"""A laboratory of hosts on one machine, for tests of the cluster files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

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
# What tests would wait for: by default Ray misses a silent node after 65 s, a worker gives up its head after 60 s, and
# a node without Ray is started again after 30 s.
SHORTENED = {
    "RAY_health_check_period_ms": 1000,
    "RAY_health_check_timeout_ms": 3000,
    "RAY_health_check_failure_threshold": 3,
    "RAY_gcs_rpc_server_reconnect_timeout_s": 20,
    "AUTOSCALER_HEARTBEAT_TIMEOUT_S": 20,
    "AUTOSCALER_UPDATE_INTERVAL_S": 2,
}


class Lab:
    """Three hosts in namespaces of this machine, on a network of their own, and a launcher beside them.

    Each has a network device, a home, a /tmp/ray and process ids of its own; other files are the same everywhere.
    Ending the process that holds the namespaces ends all that runs in them.

    Args:
        folder: where homes, keys and logs lie.
    """

    hosts: ClassVar = {"head": "192.0.2.10", "worker1": "192.0.2.11", "worker2": "192.0.2.12"}

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
        for place in ("launcher", *self.hosts):
            (folder / place / "ray").mkdir(parents=True)
            (folder / place / "home").mkdir()
        self._write_key("id")
        (folder / "launcher" / "home" / ".ssh").mkdir()
        (folder / "launcher" / "home" / ".ssh" / "config").write_text(
            f"User root\nIdentityFile {folder}/id\nBatchMode yes\nConnectTimeout 5\n"
            "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
        )
        self._write_python()
        for host in self.hosts:
            self._write_key(f"{host}/host_key")
            self._write_login(host)

    def _write_key(self, name: str) -> None:
        file = str(self.folder / name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, timeout=30)

    def _write_python(self) -> None:
        """Put a python3.12 on the hosts' PATH: its environments find what is installed here, as there is no network."""
        python = self.folder / "bin" / "python3.12"
        python.parent.mkdir()
        shutil.copy(SCRIPTS / "python.sh", python)
        python.chmod(0o755)

    def _write_login(self, host: str) -> None:
        home = self.folder / host / "home"
        exports = {
            "PATH": f"{self.folder}/bin:$PATH",
            "LAB_PYTHON": sys.executable,
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": 1,
            "PIP_NO_BUILD_ISOLATION": 0,
            "PIP_DISABLE_PIP_VERSION_CHECK": 1,
        } | SHORTENED
        (home / ".bashrc").write_text("".join(f"export {name}={value}\n" for name, value in exports.items()))
        (home / ".bash_profile").write_text(". ~/.bashrc\n")
        shutil.copy(self.folder / "id.pub", self.folder / host / "authorized_keys")

    def start(self) -> None:
        # --pdeathsig: a test run that is killed takes its laboratory with it.
        begin = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", *NAMESPACES]
        begin += ["bash", str(SCRIPTS / "lab.sh"), str(self.folder)]
        begin += [f"{name}={address}" for name, address in self.hosts.items()]
        with (self.folder / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(begin, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_for((self.folder / "up").exists)
        for host in self.hosts:
            self.wait_for(lambda host=host: self.on(host, "true", check=False).returncode == 0)

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)

    def run(
        self, *command: str, seconds: float = 300, check: bool = True, cwd: Path = REPOSITORY
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the launcher, and print how long it took; what hangs is ended after so many seconds."""
        pid = self._process.pid if self._process else 0
        enter = ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", f"--pid=/proc/{pid}/ns/pid_for_children"]
        begin = time.monotonic()
        done = subprocess.run(
            ["timeout", "-k", "5", str(seconds), *enter, f"--wd={cwd}", *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(f"{time.monotonic() - begin:6.1f} s  {' '.join(command)[-150:]}")
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done

    def on(self, host: str, command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host, by SSH."""
        return self.run("ssh", "-q", self.hosts[host], command, **options)

    def unplug(self, host: str) -> None:
        """Pull a host's network cable."""
        self.run("ip", "link", "set", host, "down")

    def plug(self, host: str) -> None:
        self.run("ip", "link", "set", host, "up")

    def wait_for(
        self,
        holds: Callable[[], object],
        *,
        seconds: float = 60,
        pause: float = 0.25,
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Wait until it holds; give up after so many seconds without progress: a busy machine is slow, not stuck."""
        seen, since = progress(), time.monotonic()
        while not holds():
            if self._process and self._process.poll() is not None:
                raise RuntimeError(f"the laboratory ended: {(self.folder / 'lab.log').read_text()}")
            now = progress()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > seconds:
                raise TimeoutError(f"not so, and no progress for {seconds:g} s: {seen}")
            time.sleep(pause)


def what_is_lacking() -> str:
    """Return what this machine lacks to hold a laboratory, and how to get it; empty if nothing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({package for command, package in NEEDED.items() if not shutil.which(command, path=path)})
    if missing:
        return f"needs {', '.join(missing)}: apt-get install -y {' '.join(missing)}"
    if not find_spec("aiohttp_cors"):
        return "needs the Jobs API: pip install 'ray[default]'"
    trial = ["unshare", "--fork", *NAMESPACES, "sh", "-c"]
    trial += ["mount -t tmpfs tmpfs /run && ip link add switch type bridge && ip link add cable type veth"]
    if os.geteuid() != 0 or subprocess.run(trial, check=False, capture_output=True).returncode:
        return "needs root that may make namespaces, mounts and network devices: no restricted container"
    return ""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running laboratory; skips where this machine can't hold one."""
    lacking = what_is_lacking()
    if lacking:
        pytest.skip(lacking)
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.start()
        yield lab
    finally:
        lab.end()


@pytest.fixture(scope="module")
def lab_config(lab: Lab) -> dict[str, Any]:
    """sweeps/on_premises.yaml for the hosts of the laboratory: its user, its key, a faked GPU for each worker."""
    config: dict[str, Any] = yaml.safe_load((REPOSITORY / "sweeps" / "on_premises.yaml").read_text())
    assert [config["provider"]["head_ip"], *config["provider"]["worker_ips"]] == list(lab.hosts.values())
    config["cluster_name"] = f"lab-{os.getpid()}"  # it is in the paths of SSH's sockets
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(lab.folder / "id")}
    worker = config["worker_start_ray_commands"]
    worker[-1] = worker[-1].replace("ray start", "ray start --num-cpus=1 --num-gpus=1")
    for start in (config["head_start_ray_commands"], worker):
        # Ray gives up a node that takes more than 30 s to start, as it may on a busy machine.
        start[-1] = f"for _ in 1 2 3 4; do {start[-1]} && break; ray stop; done"
    return config
