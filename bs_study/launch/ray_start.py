"""How a Ray is joined or started, within a limit of time, and left with nothing of it running on.

Ray reaches for the signals of its driver. Here they stay the study's, at every moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private import services as ray_services
from ray._private import utils as ray_utils
from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available

from bs_study.process.left_behind import clear_away, marked_helpers, scratch_folder
from bs_study.process.output import write_at_once
from bs_study.process.stop import installed_stop
from bs_study.words import duration, shown

START_SECONDS = 90.0
"""How long a Ray may take to come up; on an idle machine it takes about 3."""
GRACE_SECONDS = 10.0
"""How long it may take to give up from then on."""
OWN_REMEDY = "Try again when less runs here, or use --local"
"""What to do where a Ray of this machine does not come up."""
REFUSED = 2
"""The exit status of a study that was not begun."""
services: Any = ray_services  # without types
utils: Any = ray_utils
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


def is_up() -> bool:
    """Return whether this process uses a Ray."""
    return bool(ray.is_initialized())


@contextlib.contextmanager
def joined_ray(address: str) -> Iterator[None]:
    """Connect to a cluster, and leave it in the end.

    Raises:
        ValueError: it can't be joined, or does not answer in time.
    """
    try:
        with _come_up(shown(address), remedy="Look whether it is well: `ray status`"):
            _join(address)
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def own_ray() -> Iterator[None]:
    """Start a Ray of this machine, which listens on loopback only, with a token that nobody else can read.

    Raises:
        ValueError: it can't be started, or does not come up in time.
    """
    if " " in sys.executable:  # Ray 2.60: plain actors start there, Tune's trials stay pending
        raise ValueError(
            f"address: trials on Ray never start where the path of Python has a space, as {sys.executable!r}. "
            "Make the virtual environment elsewhere, or use --local"
        )
    with scratch_folder() as folder:
        try:
            with _come_up("local", remedy=OWN_REMEDY, then=lambda: clear_away(folder)), marked_helpers(folder):
                _start()
            yield
        finally:
            ray.shutdown()


def late_words(where: str, remedy: str) -> str:
    """Return what is said of a Ray that takes too long to come up."""
    return f"address: no Ray came up at {where} within {duration(START_SECONDS)}. {remedy}"


@contextlib.contextmanager
def _come_up(where: str, *, remedy: str, then: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let what keeps a Ray from coming up be a line, and the time that it takes have an end."""
    late = late_words(where, remedy)
    try:
        with _signals_left_alone(), _time_limit(late, then):
            yield
    except _LateError as error:
        raise ValueError(late) from error
    except Exception as error:  # another version, no token, a process that ended; Ray raises all kinds
        reason = str(error).rstrip(". \n") or type(error).__name__
        raise ValueError(f"address: no Ray to use at {where}: {reason}. {remedy}") from error


class _LateError(BaseException):
    """The time is up: no Exception, since loops of Ray try again after those."""


@contextlib.contextmanager
def _time_limit(late: str, then: Callable[[], None]) -> Iterator[None]:
    """Raise when the time is up, again and again; where that does not help end a command.

    In the main thread only, where signals raise; in another one, who waits for it has to count.
    """

    def raise_late(*_: object) -> None:
        raise _LateError

    def end() -> None:
        then()
        write_at_once(2, f"error: {late}\n")
        os._exit(REFUSED)

    stop = installed_stop()
    hangs = threading.Timer(START_SECONDS + GRACE_SECONDS, end)
    hangs.daemon = True
    if stop and stop.owns_process:
        hangs.start()
    is_main = threading.current_thread() is threading.main_thread()
    if is_main:
        before = signal.signal(signal.SIGALRM, raise_late)
        signal.setitimer(signal.ITIMER_REAL, START_SECONDS, 1.0)
    try:
        yield
    finally:
        if is_main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        hangs.cancel()


@contextlib.contextmanager
def _signals_left_alone() -> Iterator[None]:
    """Keep Ray from putting a handler of its own in the place of what SIGTERM does here."""
    sets = utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda _: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = sets


def _join(address: str) -> None:
    """Connect to a cluster; if it wants a token, with this user's, which Ray itself does at "auto" only.

    Not with the token at once: on a cluster without tokens, what was sent with one never runs.
    """
    try:
        ray.init(address=address, **QUIET)
    except ConnectionError:
        if "RAY_AUTH_MODE" in os.environ or not maybe_enable_token_auth_if_token_available(warn_if_disabled=False):
            raise
        ray.init(address=address, **QUIET)


def _start() -> None:
    token = Path.home() / ".ray" / "auth_token"
    token.parent.mkdir(mode=0o700, exist_ok=True)
    # What RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 sets when Ray is imported; on a Mac it is so by default.
    is_networked, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        with _own_process_group():
            ray.init(address="local", include_dashboard=False, **QUIET)
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = is_networked
    if token.exists():
        token.chmod(0o600)


class _GroupLeader(ray_services.ConsolePopen):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        prepare = options["preexec_fn"]

        def prepare_more() -> None:
            prepare()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal, too, is the driver's affair

        super().__init__(*arguments, process_group=0, **(options | {"preexec_fn": prepare_more}))


@contextlib.contextmanager
def _own_process_group() -> Iterator[None]:
    """Start Ray's processes outside of the driver's process group: a signal to it is the driver's affair.

    Only where the system ends them with the driver; elsewhere Ray ends them by their group.
    """
    popen = services.ConsolePopen
    if utils.detect_fate_sharing_support():
        services.ConsolePopen = _GroupLeader
    try:
        yield
    finally:
        services.ConsolePopen = popen
