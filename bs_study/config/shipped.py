"""The studies that come with the package, by name."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "studies"


def shipped_studies() -> dict[str, Path]:
    """Return the file of each study that ships, by its name; a study that is named as a workload is that one's."""
    return {file.stem: file for file in sorted(_FOLDER.glob("*.yaml"))}


def workload_of(file: Path) -> str:
    """Return the workload of a study that ships, without what reads YAML."""
    found = re.search(r"^workload: (\w+)$", file.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else file.stem


def there(file: Path) -> Path:
    """Return a file, or the study that ships in its place: they lay in a clone's folder `sweeps`."""
    ours = shipped_studies().get(file.stem)
    return ours if ours and file == Path("sweeps", ours.name) and not file.exists() else file
