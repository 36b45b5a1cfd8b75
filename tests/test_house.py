"""The house: what is packaged, documented, imported and said."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from winsome import __version__, specs

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "winsome"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".yml",
    ".yaml",
    ".json",
    ".jsonl",
    ".html",
    ".css",
    ".js",
    ".csv",
    "",
    ".svg",
}


def tracked() -> list[Path]:
    """The files under version control, or all that a source archive holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()] or [
        p for p in SOURCE.rglob("*") if p.is_file()
    ]


# Packaging


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_every_module_and_every_file_that_the_code_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    ours = {f"winsome/{p.relative_to(SOURCE).as_posix()}" for p in tracked() if SOURCE in p.parents}
    assert ours <= held
    assert not {name for name in held if name.startswith(("tests", "docs", "benchmarks"))}


def test_the_wheel_installs_into_a_clean_environment_and_its_command_runs(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "clean", with_pip=False)
    python = tmp_path / "clean" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(install, check=True)
    assert (Path(site.stdout.strip()) / "winsome" / "py.typed").is_file()
    command = tmp_path / "clean" / "bin" / "winsome"
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"winsome {__version__}\n"
    subprocess.run([command, "--help"], capture_output=True, check=True)


BASE_ONLY = """
import sys
import importlib.abc

class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "safetensors", "gguf", "psycopg", "ray", "vllm", "fastapi", "uvicorn", "mkdocs", "pytest"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Only())
from winsome.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_main_job_runs_on_the_base_dependencies_alone(tmp_path: Path) -> None:
    from tests.cli.typed import arithmetic

    arithmetic(tmp_path, a={"1"}, b={"2"})
    words = ["compare", "a.jsonl", "b.jsonl", "--suite", "sums.jsonl", "--judge", "numeric"]
    for command in (
        words,
        ["report"],
        ["ledger", "show"],
        ["ledger", "verify"],
        ["doctor"],
        ["models", "list"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", BASE_ONLY, *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
    missing = ["generate", "embedded:smollm2-135m", "--prompt", "x"]
    done = subprocess.run(
        [sys.executable, "-c", BASE_ONLY, *missing],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "winsome[local]" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_base_install_has_at_most_fifteen_dependencies_and_no_torch() -> None:
    names = [re.split(r"[^A-Za-z0-9_-]", line)[0] for line in PROJECT["dependencies"]]
    assert len(names) <= 15
    assert "torch" not in names
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    assert all(f"| {name} |" in page for name in names)
    assert all(f"| `{extra}` |" in page for extra in PROJECT["optional-dependencies"])


def test_version_changelog_and_licence_agree() -> None:
    assert PROJECT["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 45, "one screen"


# Modules


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_it_is_and_prints_only_from_the_command_line(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "a module begins with what it holds"
    if path.relative_to(SOURCE).parts[0] != "cli":
        calls = [
            node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert not [node.lineno for node in calls if getattr(node.func, "id", "") == "print"]


def test_no_module_imports_what_is_heavy_or_optional() -> None:
    names = [
        ".".join(["winsome", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")
        for path in MODULES
        if "migrations" not in path.parts and path.name != "__main__.py"
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "heavy = {'torch', 'transformers', 'ray', 'vllm', 'alembic', 'scipy.stats', 'aiohttp'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Words

FORBIDDEN = {
    "a machine's path": re.compile(r"(?<![\w.~])/(?:work|root|opt/pypi|opt/wheels)(?:/|\b)"),
    "a registry's host": re.compile(r"\b(?:pypi\.org|pythonhosted\.org|test\.pypi|ghcr\.io)\b"),
    "unfinished work": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|NotImplemented" + r"Error)\b"),
    "who wrote it": re.compile(
        r"\b(?:chat" + r"gpt wrote|sub" + r"agent|co-authored" + r"-by)", re.IGNORECASE
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found: list[str] = []
    for path in tracked():
        if path.suffix not in TEXTS or path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if FORBIDDEN[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found[:20])


# Documentation


def _generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES = _generated().pages()


@pytest.mark.parametrize("role", specs.ROOMS)
def test_every_kind_is_documented_with_all_its_settings(role: str) -> None:
    page = PAGES["reference/kinds.md"]
    section = page[page.index(f"\n## {role}s\n") :].split("\n## ")[1]
    for kind in specs.kinds(role):
        factory = specs.factory_of(specs.Spec(f"{kind}://x" if kind.startswith("http") else kind), role)
        assert factory is not None, f"{role} {kind} has no code"
        own = section[section.index(f"### `{kind}`") :].split("### `")[1]
        assert factory.__doc__, f"{role} {kind} has no docstring"
        assert factory.__doc__.splitlines()[0] in own
        common = ("system", "temperature", "top_p", "max_tokens", "seed") if role == "Contender" else ()
        for setting in specs.settings_of(factory):
            assert setting in common or f"| `{setting}` |" in own, f"{role} {kind}: {setting}"


def test_every_command_is_in_the_reference() -> None:
    from winsome.cli import VERBS

    page = PAGES["reference/cli.md"]
    assert all(f"## winsome {verb}\n" in page for verb in VERBS)
    assert all(
        f"### winsome ledger {action}\n" in page
        for action in ("show", "query", "export", "import", "merge", "verify", "vacuum")
    )


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))

    def leaves(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        items = node.values() if isinstance(node, dict) else node
        return [leaf for item in items for leaf in leaves(item)]  # type: ignore[attr-defined]

    written = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    assert written | set(PAGES) == set(leaves(config["nav"]))


def test_every_public_name_is_in_the_python_reference() -> None:
    import winsome
    from winsome import errors

    page = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")
    entries = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    for name in winsome.__all__:
        if name not in ("__version__", "standings"):
            whole = "winsome.errors" if hasattr(errors, name) else f".{name}"
            assert any(entry.endswith(whole) for entry in entries), (
                f"winsome.{name} is not in docs/reference/api.md"
            )
