"""The wheel of the running dioptra-plugins itself, so that an index can serve it to workers."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from importlib_metadata import Distribution, PackageNotFoundError

from dioptra.plugins.builder import build_wheel
from dioptra.plugins.errors import ConfigurationError

DISTRIBUTION = "dioptra-plugins"

_INSTALLER_FILES = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


def own_wheel(output: Path) -> Path:
    """Make the wheel of the running version.

    An editable installation is built from its checkout. Any other is packed again from its installed files, which
    RECORD lists with their hashes; what the installer added is left out.

    Args:
        output: Folder for the wheel.

    Returns:
        The wheel's path.

    Raises:
        ConfigurationError: The running version is not installed as a distribution, or its files were changed.
        UnsatisfiedError: Building the checkout failed.
    """
    try:
        distribution = Distribution.from_name(DISTRIBUTION)
    except PackageNotFoundError as missing:
        raise ConfigurationError(
            f"{DISTRIBUTION} runs without being installed", hint="pip install the checkout first"
        ) from missing
    checkout = _editable_checkout(distribution)
    return build_wheel(checkout, output) if checkout is not None else _repack(distribution, output)


def _editable_checkout(distribution: Distribution) -> Path | None:
    origin = distribution.read_text("direct_url.json")
    document = json.loads(origin) if origin else {}
    if not document.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(document["url"]).path))


def _repack(distribution: Distribution, output: Path) -> Path:
    files = distribution.files
    if files is None:
        raise ConfigurationError(f"{DISTRIBUTION} was installed without RECORD", hint="install it with pip")
    dist_info = f"{DISTRIBUTION.replace('-', '_')}-{distribution.version}.dist-info"
    output.mkdir(parents=True, exist_ok=True)
    wheel = output / f"{DISTRIBUTION.replace('-', '_')}-{distribution.version}-py3-none-any.whl"
    record: list[str] = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files, key=str):
            path = PurePosixPath(str(file))
            if not _belongs(path, dist_info):
                continue
            body = Path(str(distribution.locate_file(file))).read_bytes()
            digest = _digest(body)
            if file.hash is None or file.hash.mode != "sha256" or file.hash.value != digest:
                raise ConfigurationError(
                    f"{path} of the installed {DISTRIBUTION} was changed after it was installed",
                    hint="install it again",
                )
            archive.writestr(zipfile.ZipInfo(str(path), _EPOCH), body, zipfile.ZIP_DEFLATED)
            record.append(f"{path},sha256={digest},{len(body)}")
        record.append(f"{dist_info}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{dist_info}/RECORD", _EPOCH), "\n".join([*record, ""]))
    return wheel


def _belongs(path: PurePosixPath, dist_info: str) -> bool:
    """Whether a file came with the wheel: scripts outside, bytecode and the installer's own notes did not."""
    if ".." in path.parts or path.is_absolute() or "__pycache__" in path.parts:
        return False
    return not (path.parts[0] == dist_info and path.name in _INSTALLER_FILES)


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
