"""What `migrate` rewrites in a module, and what it leaves to a person."""

from __future__ import annotations

import pytest

from dioptra.manifest.raw_folder import scan_folder
from dioptra.plugins.migration.old_names import judge
from dioptra.plugins.migration.rewriting import rewrite, with_names_of_today


def found(source: str) -> list[tuple[int, str, str]]:
    return [(item.place.line, item.action, item.advice) for item in rewrite(source.encode(), path="a.py").findings]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from mitre.securingai import pyplugs", "from dioptra import pyplugs"),
        ("from mitre.securingai import (  # why\n    pyplugs,\n)", "from dioptra import (  # why\n    pyplugs,\n)"),
        ("from  mitre.securingai.pyplugs import register as r", "from  dioptra.pyplugs import register as r"),
        ("import os, mitre.securingai.pyplugs as p", "import os, dioptra.pyplugs as p"),
        (
            "import mitre.securingai.pyplugs\n\n@mitre.securingai.pyplugs.register\ndef f(): ...",
            "import dioptra.pyplugs\n\n@dioptra.pyplugs.register\ndef f(): ...",
        ),
        ("if x:\n\timport mitre.securingai.pyplugs; y()", "if x:\n\timport dioptra.pyplugs; y()"),
        ("é = 1; import mitre.securingai.pyplugs", "é = 1; import dioptra.pyplugs"),
        ("from prefect.utilities.logging import get_logger", "from prefect.logging import get_logger"),
        ("from prefect.utilities.tasks import task as t", "from prefect import task as t"),
        (
            "import prefect\nprefect.utilities.logging.get_logger('a')",
            "import prefect\nprefect.logging.get_logger('a')",
        ),
        (
            "import prefect as pf\npf.utilities.logging.get_logger('a')",
            "import prefect as pf\npf.logging.get_logger('a')",
        ),
    ],
)
def test_names_that_moved_are_rewritten(before: str, after: str) -> None:
    rewritten = rewrite(before.encode(), path="a.py")
    assert rewritten.source.decode() == after
    assert {item.action for item in rewritten.findings} == {"rewritten"}


@pytest.mark.parametrize(
    "source",
    [
        "from dioptra import pyplugs\nfrom dioptra.sdk.exceptions import ARTDependencyError",
        "from dioptra.sdk.utilities.contexts import plugin_dirs, import_temp, env_vars, sys_path_dirs",
        "import dioptra.pyplugs\n@dioptra.pyplugs.register\ndef f(): ...",
        "from prefect import task, unmapped, get_run_logger\n@task(retries=2)\ndef f(): ...",
        "from prefect.tasks import task_input_hash\nfrom prefect.schedules import Cron",
        "from .securingai import x\nfrom ..mitre.securingai import y",
        '"""Made for mitre.securingai."""\n# from mitre.securingai import pyplugs',
        "from prefectural import Flow\nimport mitre2.securingai\nimport dioptra_builtins.x",
        "def f(mitre): return mitre.securingai.pyplugs",
    ],
)
def test_other_modules_keep_every_byte(source: str) -> None:
    for text in (source, source.replace("\n", "\r\n")):
        rewritten = rewrite(text.encode(), path="a.py")
        assert (rewritten.source.decode(), rewritten.findings) == (text, ())


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("import os\nfrom prefect import Flow, task", 2, "dioptra.pyplugs.flow"),
        ("from prefect import Parameter", 1, "parameters of the flow's function"),
        ("from prefect.engine.signals import FAIL", 1, "prefect.states"),
        ("import prefect.engine.signals as s", 1, "prefect.states"),
        ("import prefect\n\nprefect.context.get('logger')", 3, "get_run_logger"),
        ("from prefect.tasks.shell import ShellTask", 1, "no task library"),
        ("from prefect import task\n@task(\n  nout=2)\ndef f(): ...", 3, "task_nout"),
        ("import prefect as p\n@p.task(max_retries=2)\ndef f(): ...", 2, "retries"),
        ("from prefect import Task\nclass A(Task): ...", 2, "not task classes"),
        ("from dioptra.rq.tasks import run", 1, "no dioptra.rq.tasks.run"),
        ("from dioptra.sdk.exceptions import NoSuchError", 1, "no dioptra.sdk.exceptions.NoSuchError"),
        ("from mitre import securingai", 1, "dioptra today"),
        ("import importlib\nimportlib.import_module('mitre.securingai.pyplugs')", 2, "dioptra today"),
        ("from mitre \\\n  .securingai import pyplugs", 1, "dioptra.pyplugs today"),
        ("def f(:", 1, "SyntaxError"),
        ("import prefect as p\np.Parameter('a')", 2, "parameters of the flow's function"),
        ("from prefect import utilities as u\nu.logging.get_logger()", 2, "it is prefect.logging.get_logger today"),
        ("from prefect import Flow\nFlow.run", 1, "dioptra.pyplugs.flow"),
        ("from dioptra import sdk\nsdk.nosuch", 2, "no dioptra.sdk.nosuch"),
        ("import mitre", 1, "mitre.securingai is dioptra today"),
        ("from prefect import *", 1, "by name"),
        ("from dioptra.pyplugs import *", 1, "by name"),
        ("import importlib as i\ni.import_module('prefect.engine.signals')", 2, "prefect.states"),
        ("__import__('prefect.utilities.tasks.task')", 1, "prefect.task today"),
    ],
)
def test_what_only_a_person_can_change_is_named_with_its_line(source: str, line: int, said: str) -> None:
    rewritten = rewrite(source.encode(), path="a.py")
    assert rewritten.source == source.encode()
    assert [(item.place.line, item.action) for item in rewritten.findings] == [(line, "review")]
    assert said in rewritten.findings[0].advice


def test_a_statement_is_rewritten_even_if_one_name_is_gone() -> None:
    source = "from mitre.securingai.sdk.exceptions import ARTDependencyError, NoSuchError"
    assert rewrite(source.encode(), path="a.py").source == source.replace("mitre.securingai", "dioptra").encode()
    assert [action for _, action, _ in found(source)] == ["rewritten", "review"]


def test_names_below_a_rewritten_import_are_judged_but_not_twice() -> None:
    assert [action for _, action, _ in found("from mitre.securingai import sdk\nsdk.nosuch\nsdk.exceptions")] == [
        "rewritten",
        "review",
    ]


def test_a_star_import_is_rewritten_and_left_to_a_person() -> None:
    source = "from mitre.securingai.pyplugs import *"
    assert rewrite(source.encode(), path="a.py").source == b"from dioptra.pyplugs import *"
    assert {action for _, action, _ in found(source)} == {"rewritten", "review"}


@pytest.mark.parametrize("alias", ["mitre", "mitre as m"])
def test_an_attribute_is_not_rewritten_if_no_import_brings_its_present_name(alias: str) -> None:
    source = f"import {alias}\n@{alias[-1] if ' ' in alias else alias}.securingai.pyplugs.register\ndef f(): ..."
    rewritten = rewrite(source.encode(), path="a.py")
    assert rewritten.source == source.encode()
    assert [item.place.line for item in rewritten.findings] == [1, 2]
    both = f"import mitre.securingai.pyplugs\n{source}"
    assert (b"@dioptra.pyplugs.register" in rewrite(both.encode(), path="a.py").source) is (alias == "mitre")


@pytest.mark.parametrize(
    "source",
    [
        "import mitre\nimport mitre.securingai.pyplugs\n@mitre.securingai.pyplugs.register\ndef f(): ...",
        "import mitre as m\n@m.securingai.pyplugs.register\ndef f(): ...",
        "from mitre import securingai\n@securingai.pyplugs.register\ndef f(): ...",
        "from mitre import securingai as s, other\n@s.pyplugs.register\ndef f(): ...",
        "import mitre.securingai as s\n@s.pyplugs.register\ndef f(): ...",
    ],
)
def test_tasks_are_seen_through_every_spelling_of_the_earlier_name(source: str) -> None:
    (entry,) = scan_folder({"pkg/m.py": with_names_of_today(source.encode())})
    assert [task.func for task in entry.tasks] == ["f"]


def test_names_that_went_different_ways_are_left_together() -> None:
    source = "from prefect.utilities.logging import get_logger, configure_logging"
    assert rewrite(source.encode(), path="a.py").source == source.encode()
    assert len(found(source)) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_the_encoding_stays(encoding: str) -> None:
    declared = "" if encoding.startswith("utf") else f"# coding: {encoding}\n"
    before = f"{declared}import mitre.securingai.pyplugs  # é\r\nx = 'é'\r".encode(encoding)
    after = f"{declared}import dioptra.pyplugs  # é\r\nx = 'é'\r".encode(encoding)
    # Python does not read UTF-16: such a file is left alone.
    assert rewrite(before, path="a.py").source == (before if encoding == "utf-16" else after)


def test_the_advice_names_what_prefect_has() -> None:
    """The table is about the release that is installed: what it calls gone is gone, what it names is there."""
    prefect = pytest.importorskip("prefect")
    from inspect import signature

    from dioptra.plugins.migration import old_names

    taken = set(signature(prefect.Task.__init__).parameters)
    assert not taken & set(old_names.TASK_KEYWORDS)
    for advice in old_names.TASK_KEYWORDS.values():
        named = {word.strip(",") for word in advice.split() if "_" in word and "." not in word}
        assert named <= taken, advice
    for today in old_names._PREFECT_RENAMED.values():
        assert judge(today) is None
        module, _, name = today.rpartition(".")
        __import__(module)
        assert hasattr(prefect if module == "prefect" else getattr(prefect, module.partition(".")[2]), name), today


def test_bytes_of_another_encoding_in_a_comment_are_kept_and_told() -> None:
    before = b"import mitre.securingai.pyplugs\n# caf\xe9\nx = 1  # \xe9\n"
    found = rewrite(before, path="pkg/m.py")
    assert found.source == before.replace(b"mitre.securingai", b"dioptra")
    told = [(item.place.line, item.advice) for item in found.findings if item.action == "review"]
    assert told == [(line, "it has bytes that are not utf-8: write it in UTF-8") for line in (2, 3)]
