"""A Python without our packages, for checking evidence as the recipient does."""

import importlib.util
import subprocess
import venv
from pathlib import Path


def bare_python(home: Path) -> Path:
    """Make an environment with PyNaCl and its dependency, and return the path of its interpreter."""
    venv.create(home, with_pip=False, symlinks=True)
    (site_packages,) = (home / "lib").glob("python*/site-packages")
    for name in ("nacl", "_cffi_backend"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        there = origin.parent if origin.name == "__init__.py" else origin
        (site_packages / there.name).symlink_to(there)
    return home / "bin" / "python"


def checked(python: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the folder's script, without arguments and from another directory."""
    script: list[str | Path] = [python, "-I", folder / "verify.py"]
    return subprocess.run(script, cwd=folder.parent, env={}, capture_output=True, text=True, check=False)
