"""Which distributions a project's imports come from.

An import name says nothing certain about the project that brings it: ``art`` is another project on PyPI than the one
that is imported as ``art``. So a name counts as known only where it is installed here or stands in a list of the
field's usual libraries; any other is left to a person, because taking it for a project's name would lock what a
stranger published under it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import canonicalize_name

from dioptra.plugins.migration.model import Dependency, ImportUse, Place
from dioptra.plugins.migration.old_names import EARLIER, TODAY, is_below

OWN = "dioptra-plugins"

# Import name → project, for the libraries of the field and where the two differ.
_KNOWN = {
    "PIL": "pillow",
    "absl": "absl-py",
    "aif360": "aif360",
    "art": "adversarial-robustness-toolbox",
    "attr": "attrs",
    "boto3": "boto3",
    "botocore": "botocore",
    "bs4": "beautifulsoup4",
    "captum": "captum",
    "catboost": "catboost",
    "click": "click",
    "cloudpickle": "cloudpickle",
    "cv2": "opencv-python-headless",
    "dask": "dask",
    "datasets": "datasets",
    "dateutil": "python-dateutil",
    "distributed": "distributed",
    "docker": "docker",
    "dotenv": "python-dotenv",
    "entrypoints": "entrypoints",
    "fairlearn": "fairlearn",
    "flax": "flax",
    "foolbox": "foolbox",
    "git": "gitpython",
    "google.cloud.storage": "google-cloud-storage",
    "google.protobuf": "protobuf",
    "h5py": "h5py",
    "huggingface_hub": "huggingface-hub",
    "imageio": "imageio",
    "jax": "jax",
    "joblib": "joblib",
    "jsonschema": "jsonschema",
    "jwt": "pyjwt",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "matplotlib": "matplotlib",
    "mlflow": "mlflow",
    "modelscan": "modelscan",
    "mpl_toolkits": "matplotlib",
    "networkx": "networkx",
    "nltk": "nltk",
    "nrtk": "nrtk",
    "numba": "numba",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "pandas": "pandas",
    "passlib": "passlib",
    "pkg_resources": "setuptools",
    "plotly": "plotly",
    "prefect": "prefect",
    "psutil": "psutil",
    "psycopg2": "psycopg2-binary",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "redis": "redis",
    "requests": "requests",
    "rich": "rich",
    "rq": "rq",
    "scipy": "scipy",
    "seaborn": "seaborn",
    "setuptools": "setuptools",
    "shap": "shap",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "smqtk_core": "smqtk-core",
    "sqlalchemy": "sqlalchemy",
    "statsmodels": "statsmodels",
    "structlog": "structlog",
    "sympy": "sympy",
    "tensorflow": "tensorflow",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_hub": "tensorflow-hub",
    "torch": "torch",
    "torchvision": "torchvision",
    "tqdm": "tqdm",
    "transformers": "transformers",
    "typing_extensions": "typing-extensions",
    "wandb": "wandb",
    "xarray": "xarray",
    "xgboost": "xgboost",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def dependencies_of(
    uses: Iterable[ImportUse], *, siblings: Mapping[str, str], installed: Mapping[str, Sequence[str]]
) -> tuple[Dependency, ...]:
    """Find the distributions that a project imports from.

    Args:
        uses: What its modules import.
        siblings: The projects of the raw folder's modules, by dotted name, without this project's own; a module of
            the own project maps to the empty text.
        installed: The distributions that bring each top-level name, as `importlib.metadata.packages_distributions`
            gives them.

    Returns:
        One for each distribution, sorted by name, after one for each import name whose distribution is not known.
    """
    found: dict[tuple[str | None, str], list[tuple[ImportUse, str, str]]] = {}
    for use in uses:
        key = _distribution(use.name, siblings, installed)
        if key is not None:
            distribution, imported, reason = key
            found.setdefault((distribution, "" if distribution else imported), []).append((use, imported, reason))
    dependencies = [
        Dependency(
            distribution=distribution,
            imported=tuple(sorted({imported for _, imported, _ in group})),
            places=tuple(sorted({use.place for use, _, _ in group})),
            is_optional=all(use.is_optional for use, _, _ in group),
            reason=group[0][2],
        )
        for (distribution, _), group in found.items()
    ]
    return tuple(sorted(dependencies, key=lambda item: (item.distribution or "", item.imported)))


def first_places(places: Sequence[Place], *, shown: int = 3) -> str:
    """Name some places: ``a.py:1, b.py:7 and 4 more``."""
    rest = f" and {len(places) - shown} more" if len(places) > shown else ""
    return ", ".join(map(str, places[:shown])) + rest


def _distribution(
    name: str, siblings: Mapping[str, str], installed: Mapping[str, Sequence[str]]
) -> tuple[str | None, str, str] | None:
    """The distribution, the import name and how it was found; None for what needs no dependency."""
    parts = name.split(".")
    prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    for prefix in prefixes:
        if prefix in siblings:
            return (siblings[prefix], prefix, "a project of this migration") if siblings[prefix] else None
    top = parts[0]
    if top in sys.stdlib_module_names or is_below(name, TODAY) or is_below(name, EARLIER):
        return None
    brought_by = {canonicalize_name(item) for item in installed.get(top, ())}
    if len(brought_by) == 1:
        return brought_by.pop(), top, "installed here"
    for prefix in prefixes:
        if prefix in _KNOWN:
            return _KNOWN[prefix], prefix, "commonly known"
    several = f": {', '.join(sorted(brought_by))}" if brought_by else ""
    return None, top, f"several distributions bring it{several}" if several else "no distribution of it is known"
