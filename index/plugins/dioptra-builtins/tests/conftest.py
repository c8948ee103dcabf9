"""Makes the package importable from its source folder where it is not installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("dioptra_builtins") is None:
    sys.path.append(str(Path(__file__).parents[1] / "src"))
