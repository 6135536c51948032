#!/bin/sh
# What the hosts of the lab have as python3.12: $LAB_PYTHON, whatever its version. An environment that it makes
# (-m venv FOLDER) finds the packages and the ray command of $LAB_PYTHON, so that pip has nothing left to download.
set -e
"$LAB_PYTHON" "$@"
[ "$2" = venv ] || exit 0
"$LAB_PYTHON" - "$3" <<'PY'
import sys, sysconfig
from pathlib import Path

packages, env = Path(sysconfig.get_path("purelib")), Path(sys.argv[1])
(env / packages.relative_to(sys.prefix) / "lab.pth").write_text(f"import sys; sys.path.insert(1, {str(packages)!r})\n")
ray = env / "bin" / "ray"
ray.write_text(f"#!{env}/bin/python\nfrom ray.scripts.scripts import main\nmain()\n")
ray.chmod(0o755)
PY
