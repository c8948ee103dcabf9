"""Whatever a person types, `new` makes a valid project or refuses clearly."""

from __future__ import annotations

import ast
import tempfile
import tomllib
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.template import project_answers, render_template

NAMES = [
    "Fog Attack",
    "O'Neil",
    'a "b"',
    "a\\b",
    "Ünïcode é",
    "日本",
    "class",
    "json",
    "9lives",
    "a\nb",
    "  ",
    "\u202eevil",
]
ODD = st.text(max_size=20) | st.sampled_from(NAMES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=ODD, author=ODD, email=ODD | st.just("a@example.org"), description=ODD)
@example(name="Fog Attack", author='A "q" \\ é 😀', email="", description="'''\"\"\"")
def test_any_answers_give_a_valid_project_or_a_refusal(name: str, author: str, email: str, description: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        destination = Path(folder) / "project"
        answers = project_answers(name, author=author, email=email, description=description)
        try:
            files = render_template(answers, destination)
        except ConfigurationError:
            assert not destination.exists()
            return
        project = tomllib.loads((destination / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["description"] == description
        assert project["authors"][0]["name"] == author
        (module,) = project["entry-points"]["dioptra.plugins"].values()
        assert (destination / "src" / module / "__init__.py").is_file()
        for file in files:
            if file.suffix == ".py":
                ast.parse((destination / file).read_bytes())
