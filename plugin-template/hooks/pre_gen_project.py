"""Refuse answers that would not give a valid project, all of them at once."""

import keyword
import re
import sys
import unicodedata

ANSWERS = {
    "project_name": """{{ cookiecutter.project_name | urlencode }}""",
    "distribution": """{{ cookiecutter.distribution | urlencode }}""",
    "package": """{{ cookiecutter.package | urlencode }}""",
    "plugin": """{{ cookiecutter.plugin | urlencode }}""",
    "author": """{{ cookiecutter.author | urlencode }}""",
    "email": """{{ cookiecutter.email | urlencode }}""",
    "description": """{{ cookiecutter.description | urlencode }}""",
}


def problems(answers):
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", answers["distribution"]):
        yield f"distribution {answers['distribution']!r}: wanted lower-case letters, digits and single hyphens"
    for key in ("package", "plugin"):
        name = answers[key]
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"{key} {name!r}: wanted a letter, then lower-case letters, digits and underscores"
        elif keyword.iskeyword(name) or keyword.issoftkeyword(name):
            yield f"{key} {name!r}: this is a keyword of Python"
    if answers["package"] in sys.stdlib_module_names or answers["package"] in {"dioptra", "tests"}:
        yield f"package {answers['package']!r}: this import name is taken"
    for key in ("project_name", "author", "description"):
        if not answers[key].strip():
            yield f"{key}: wanted some text"
    for key, text in answers.items():
        if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
            yield f"{key} {text!r}: wanted one line without control characters"
    if answers["email"] and not re.fullmatch(r"[^\s@<>\"\\]+@[^\s@<>\"\\]+", answers["email"]):
        yield f"email {answers['email']!r}: wanted an address such as name@example.org, or nothing"


def main():
    from urllib.parse import unquote

    found = list(problems({key: unquote(text) for key, text in ANSWERS.items()}))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
