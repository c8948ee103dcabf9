"""Reading the settings that are in force: the project's file, the user's file and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dioptra.plugins.config import Settings, merge, parse_settings_file, settings_from_environment
from dioptra.plugins.errors import ConfigurationError

PROJECT_FILE = "dioptra.toml"


def load_settings(environment: Mapping[str, str], folder: Path) -> Settings:
    """Merge everything but flags.

    Args:
        environment: The process's environment.
        folder: Where to look for the project's file; its parents are searched too.

    Returns:
        The settings in force.

    Raises:
        ConfigurationError: A file cannot be read, or is malformed (names file and key or line).
    """
    return merge(settings_from_environment(environment), _project_settings(folder), _user_settings())


def user_settings_path() -> Path:
    """Where the user's own settings file lies."""
    import platformdirs

    return Path(platformdirs.user_config_dir("dioptra-plugins")) / PROJECT_FILE


def cache_folder(settings: Settings) -> Path:
    """Where pages of foreign indexes are kept.

    Args:
        settings: The settings in force.
    """
    if settings.cache_dir is not None:
        return Path(settings.cache_dir)
    import platformdirs

    return Path(platformdirs.user_cache_dir("dioptra-plugins"))


def project_settings_file(folder: Path) -> Path | None:
    """The file that holds the project's settings: the nearest ``dioptra.toml`` or ``[tool.dioptra]``, upwards.

    Args:
        folder: Where to begin.

    Raises:
        ConfigurationError: A file on the way cannot be read or is malformed.
    """
    for parent in (folder, *folder.parents):
        own, pyproject = parent / PROJECT_FILE, parent / "pyproject.toml"
        if own.is_file():
            return own
        if pyproject.is_file() and _read(pyproject) != Settings(source=str(pyproject)):
            return pyproject
    return None


def _project_settings(folder: Path) -> Settings:
    path = project_settings_file(folder)
    return Settings() if path is None else _read(path)


def _user_settings() -> Settings:
    path = user_settings_path()
    return _read(path) if path.is_file() else Settings()


def _read(path: Path) -> Settings:
    table = ("tool", "dioptra") if path.name == "pyproject.toml" else ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    settings = parse_settings_file(text, source=str(path), table=table)
    return replace(settings, workers=tuple(path.parent / worker for worker in settings.workers))
