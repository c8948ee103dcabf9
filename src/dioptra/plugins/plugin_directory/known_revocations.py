"""What a plugin directory knows to be revoked, so that it is refused without asking an index again.

``revoked.json`` lies beside the store. Sync adds to it whatever it learns; entering an environment reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dioptra.manifest.environment import REVOKED_FILE
from dioptra.plugins.durability import replace_file
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.index.revocation import Revocation, revocations_from_json, revocations_to_json
from dioptra.plugins.plugin_directory.layout import PluginDirectory


def read_known(directory: PluginDirectory) -> Mapping[str, Revocation]:
    """Read what is known to be revoked, by digest.

    Args:
        directory: The plugin directory.

    Raises:
        ConfigurationError: The file is malformed.
        OSError: It cannot be read.
    """
    file = directory.root / REVOKED_FILE
    try:
        body = file.read_bytes()
    except FileNotFoundError:
        return {}
    return revocations_from_json(body, source=str(file), error=ConfigurationError)


def remember(directory: PluginDirectory, revocations: Iterable[Revocation]) -> None:
    """Add revocations to what is known; the writers' lock is held.

    Args:
        directory: The plugin directory.
        revocations: What an index says.

    Raises:
        ConfigurationError: The file is malformed.
        OSError: It cannot be written.
    """
    known = read_known(directory)
    added = {item.sha256: item for item in revocations if item.sha256 not in known}
    if not added:
        return
    body = revocations_to_json({**known, **added}.values())
    replace_file(directory.root / REVOKED_FILE, body, aside=directory.tmp)
