#!/usr/bin/env python3
"""Holds what is built in to the rules of deny.toml. Standard library and cargo only.

    tests/supply/check.py            checks; ends with `N passed, N failed`
    tests/supply/check.py --fetch    gets the advisory database first

cargo-deny, where it is installed, reads the same rules, and holds the lock file
against its copy of the advisory database, where it has one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = []


def check(name, holds, why=""):
    RESULTS.append(bool(holds))
    if not holds:
        print(f"FAILED {name}" + (f": {why}" if why else ""))


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


class Graph:
    """What is built in for one target, and what tests need besides."""

    def __init__(self, target):
        data = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--all-features"))
        self.packages = {name_of(package): package for package in data["packages"]}
        self.root = next(package for package in data["packages"] if package["id"] == data["resolve"]["root"])
        self.built = tree(target, "normal,build")
        self.tested = tree(target, "normal,build,dev")

    def direct(self):
        return {dependency["name"] for dependency in self.root["dependencies"]}


def tree(target, edges):
    """Name and version of each package, with its features. `cargo tree` knows which optional ones
    are really built; `cargo metadata` lists those as well that a feature could only name."""
    lines = cargo("tree", "--locked", "--all-features", "--target", target, "--edges", edges,
                  "--prefix", "none", "--format", "{p}|{f}").splitlines()
    found = {}
    for package, features in (line.removesuffix(" (*)").split("|") for line in lines if "|" in line):
        name, version = package.split()[:2]
        found.setdefault(f"{name}@{version[1:]}", set()).update(features.split(","))
    return found


def name_of(package):
    return f"{package['name']}@{package['version']}"


# Licences


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be satisfied by the allowed licences."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    holds, rest = either(words, allowed)
    return holds and not rest


def either(words, allowed):
    holds, rest = both(words, allowed)
    while rest and rest[0] == "OR":
        other, rest = both(rest[1:], allowed)
        holds = holds or other
    return holds, rest


def both(words, allowed):
    holds, rest = one(words, allowed)
    while rest and rest[0] == "AND":
        other, rest = one(rest[1:], allowed)
        holds = holds and other
    return holds, rest


def one(words, allowed):
    if not words:
        return False, ["?"]
    if words[0] == "(":
        holds, rest = either(words[1:], allowed)
        return holds and rest[:1] == [")"], rest[1:]
    name, rest = words[0], words[1:]
    if rest[:1] == ["WITH"]:
        name, rest = " ".join([name, *rest[:2]]), rest[2:]
    return name in allowed, rest


def licences_are_read_right():
    allowed = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}
    rows = {
        "MIT": True, "GPL-3.0": False, "MIT OR GPL-3.0": True, "MIT AND GPL-3.0": False, "MIT/GPL-3.0": True,
        "(MIT OR GPL-3.0) AND Apache-2.0": True, "(MIT AND GPL-3.0) OR Apache-2.0": True,
        "Apache-2.0 WITH LLVM-exception": True, "GPL-3.0 WITH LLVM-exception": False, "MIT OR": False, "": False,
    }
    for expression, expected in rows.items():
        check(f"reading of {expression!r}", is_allowed(expression, allowed) == expected)


def licences_are_on_the_list(graph, rules):
    for name in graph.tested:
        licence = graph.packages[name]["license"] or ""
        check(f"licence of {name}", is_allowed(licence, set(rules["licenses"]["allow"])), licence or "none")


# Sources


def sources_are_the_registry(graph, rules):
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    for name in graph.tested.keys() - {name_of(graph.root)}:
        source = graph.packages[name]["source"]
        check(f"source of {name}", source in registries, source or "a path")
    locked = tomllib.loads(text_of("Cargo.lock"))["package"]
    for package in locked:
        named = package["name"] == "vezne" or "checksum" in package
        check(f"checksum of {package['name']} in Cargo.lock", named, "there is none")


# Bans


def nothing_banned_is_there(graph, rules):
    names = {package.split("@")[0] for package in graph.tested}
    for ban in rules["bans"]["deny"]:
        check(f"ban of {ban['crate']}", ban["crate"] not in names, ban.get("reason"))
    for ban in rules["bans"]["features"]:
        for package, features in graph.built.items():
            if package.split("@")[0] == ban["crate"]:
                active = sorted(features & set(ban["deny"]))
                check(f"features of {ban['crate']}", not active, f"{active}: {ban.get('reason')}")
    for ban in rules["bans"]["deny"] + rules["bans"]["features"]:
        check(f"reason for the ban of {ban['crate']}", ban.get("reason"))


def no_crate_is_there_twice(graph, rules):
    skipped = {skip["crate"] for skip in rules["bans"]["skip"]}
    for name in sorted({package.split("@")[0] for package in graph.built}):
        versions = [package for package in graph.built if package.split("@")[0] == name and package not in skipped]
        check(f"one version of {name}", len(versions) <= 1, f"{versions}; an argument belongs in bans.skip")
    return skipped & graph.built.keys()


# Arguments


def every_dependency_is_argued_for(graph):
    text = text_of("deny.toml").split("# direct dependencies\n")[1].split("# end of direct dependencies")[0]
    argued = dict(re.findall(r"(?m)^# ([a-z0-9_-]+): (.+)$", text))
    for name in sorted(graph.direct() | argued.keys()):
        check(f"argument for {name} in deny.toml", len(argued.get(name, "")) >= 5, "there is none")
        check(f"dependency {name} of deny.toml", name in graph.direct(), "Cargo.toml does not name it")


def what_we_build_is_locked():
    """Every build that a script, a document or a unit file names takes Cargo.lock as it is."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*"),
             *(ROOT / "tests").rglob("*.sh"), ROOT / ".ci" / "run"]
    found = 0
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
            for command in re.findall(r"\bcargo (?:build|run|test|clippy|install|bench)\b[^;|`]*", line):
                if re.match(r"cargo \w+ \w+::|cargo test name", command):
                    continue
                found += 1
                check(f"--locked in {file.relative_to(ROOT)}: {command.strip()}", "--locked" in command)
    check("builds were found", found > 5)


# Advisories and the rest of cargo-deny


def cargo_deny_agrees():
    if not shutil.which("cargo-deny"):
        print("skipped: cargo-deny is not installed (cargo install cargo-deny --locked); advisories are not checked")
        return
    run = deny("--offline", "check", "--hide-inclusion-graph", "licenses", "bans", "sources")
    check("cargo deny", run.returncode == 0, run.stderr)
    if "--fetch" in sys.argv[1:] and deny("fetch", "db").returncode != 0:
        print("note: the advisory database cannot be fetched")
    copies = [time.strftime("%Y-%m-%d", time.gmtime(copy.stat().st_mtime)) for copy in advisory_databases()]
    if not copies:
        print("skipped: there is no copy of the advisory database (--fetch gets one); advisories are not checked")
        return
    print(f"note: advisories as of {max(copies)}")
    run = deny("--offline", "check", "--hide-inclusion-graph", "advisories")
    check("advisories", run.returncode == 0, run.stderr)


def deny(*arguments):
    command = ["cargo-deny", *arguments]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "took over two minutes")


def advisory_databases():
    """Where cargo-deny keeps them: git repositories, whose last fetch has left a mark."""
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return (cargo_home / "advisory-dbs").glob("*/.git/FETCH_HEAD")


def main():
    rules = tomllib.loads(text_of("deny.toml"))
    licences_are_read_right()
    needed = set()
    for target in rules["graph"]["targets"]:
        graph = Graph(target)
        licences_are_on_the_list(graph, rules)
        sources_are_the_registry(graph, rules)
        nothing_banned_is_there(graph, rules)
        needed |= no_crate_is_there_twice(graph, rules)
    for skip in rules["bans"]["skip"]:
        check(f"exception for {skip['crate']}", skip["crate"] in needed and skip.get("reason"), "not needed, or unargued")
    every_dependency_is_argued_for(graph)
    what_we_build_is_locked()
    cargo_deny_agrees()
    failed = RESULTS.count(False)
    print(f"{len(RESULTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
