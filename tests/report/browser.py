"""A real browser looks at a page: a script in another page asks it through a frame, since it runs none but its own."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=5000", "--allow-file-access-from-files"),
]
OBSERVER = """<!DOCTYPE html><meta charset="utf-8"><style>body {{ margin: 0; }} iframe {{ border: 0; }}</style>
<iframe id="frame" src="{page}" width="{width}" height="{height}"></iframe>
<pre id="seen"></pre><script>
document.getElementById("frame").addEventListener("load", async (event) => {{
  const view = event.target.contentWindow, page = view.document;
  const all = (selector, within = page) => [...within.querySelectorAll(selector)];
  const seen = await (async () => {{ {script} }})().catch((error) => ({{ error: String(error) }}));
  document.getElementById("seen").textContent = JSON.stringify(seen);
}});
</script>"""


def observe(
    page: Path, script: str, folder: Path, *, width: int = 1440, height: int = 900, is_dark: bool = False
) -> tuple[Any, str]:
    """Return what a script returns that has `page`, `view` and `all(selector)`, and the browser's log.

    Args:
        folder: for the browser's files.
        width, height: of the window, in pixels.
    """
    observer = folder / "observer.html"
    observer.write_text(OBSERVER.format(page=page.as_uri(), width=width, height=height, script=script))
    theme = f"--blink-settings=preferredColorScheme={0 if is_dark else 1}"
    window = f"--window-size={width},{height}"
    done = _run(folder, theme, window, "--dump-dom", observer.as_uri())
    (seen,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stderr
    told = json.loads(html.unescape(seen))
    assert not (isinstance(told, dict) and "error" in told), told
    return told, done.stderr


def pages_on_paper(page: Path, folder: Path) -> int:
    """Return how many A4 pages a page takes when it is printed."""
    printed = folder / "printed.pdf"
    _run(folder, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    return len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))


def _run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
