"""Files that come with dioptra-plugins: the project template and the first plugin package.

In a checkout (an editable install) they are read where they are edited; an installed wheel carries them in the
namespace sub-package ``dioptra.bundled``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import dioptra.plugins
from dioptra.plugins.errors import ConfigurationError

_IN_CHECKOUT = {"plugin-template": "plugin-template", "dioptra-builtins": "index/plugins/dioptra-builtins"}


def bundled(name: Literal["plugin-template", "dioptra-builtins"]) -> Path:
    """Find bundled files.

    Args:
        name: Which.

    Returns:
        Their folder.

    Raises:
        ConfigurationError: They are not there: the installation is incomplete.
    """
    package = Path(dioptra.plugins.__file__).parent
    folders = (package.parents[2] / _IN_CHECKOUT[name], package.parent / "bundled" / name)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise ConfigurationError(
        f"the bundled files of {name} are missing", why=f"looked at {folders[1]}", hint="install dioptra-plugins again"
    )
