#!/usr/bin/env python3
"""Holds the alert rules to the metrics and the runbook, and the dashboard to the metrics. Standard library only;
PyYAML and promtool are used where they are installed.

    tests/deploy/alerts.py            checks; ends with `N passed, N failed`
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/alerts/vezne.rules.yml"
SUFFIXES = ("_bucket", "_count", "_sum")
RESULTS = []


def check(name, holds, why=""):
    RESULTS.append(bool(holds))
    if not holds:
        print(f"FAILED {name}" + (f": {why}" if why else ""))


def documented():
    """Name, kind and labels of each metric of docs/metrics.md, which a test holds to the code."""
    rows = re.findall(r"(?m)^\| `(vezne_\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "docs/metrics.md").read_text("utf-8"))
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def rules(text):
    """Each rule's fields, read line by line: no value here needs more of YAML."""
    found = []
    for block in re.split(r"(?m)^      - alert: ", text)[1:]:
        name, rest = block.split("\n", 1)
        folded = re.search(r"(?m)^        expr: >-\n((?:          .*\n)+)", rest)
        plain = re.search(r"(?m)^        expr: (.+)$", rest)
        expression = " ".join(folded.group(1).split()) if folded else plain.group(1)
        runbook = re.search(r"(?m)^          runbook: (\S+)$", rest)
        severity = re.search(r"(?m)^          severity: (\w+)$", rest)
        found.append((name.strip(), expression, runbook and runbook.group(1), severity and severity.group(1)))
    return found


def anchors(path):
    headings = re.findall(r"(?m)^#+ +(.+?) *$", (ROOT / path).read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def metrics_exist(name, expression, metrics):
    for used, _, matchers in re.findall(r"\b(vezne_\w+)(\{(.*?)\}(?=[\[\s)]|$))?", expression):
        base = next((used[:-len(suffix)] for suffix in SUFFIXES if used.endswith(suffix) and used not in metrics), used)
        check(f"{used} of {name}", base in metrics, "docs/metrics.md has no such metric")
        kind, labels = metrics.get(base, ("", set()))
        check(f"{used} of {name} is of its kind", base == used or kind == "histogram")
        for label in re.findall(r"(\w+)=~?\"", matchers):
            check(f"label {label} of {used} of {name}", label in labels)


def what_wakes_is_there(names):
    wanted = ["NotReady", "BreakerOpen", "OutboxLate", "CallbacksAbandoned", "CertificateEnds", "StoreErrors",
              "ErrorRate", "Slow", "ManyCspReports", "Restarts", "LogMasked"]
    for name in wanted:
        check(f"an alert Vezne{name}", f"Vezne{name}" in names)
    check("each alert once", len(names) == len(set(names)) and len(names) == text_count("- alert:"))


def text_count(word):
    return RULES.read_text("utf-8").count(word)


def is_well_formed(text, found):
    try:
        import yaml
    except ImportError:
        print("skipped YAML: PyYAML is not installed")
        return
    groups = yaml.safe_load(text)["groups"]
    read = [(rule["alert"], " ".join(rule["expr"].split())) for group in groups for rule in group["rules"]]
    check("YAML reads as this check does", read == [(name, expression) for name, expression, *_ in found])


def the_dashboard_shows_what_there_is(metrics):
    dashboard = json.loads((ROOT / "deploy/dashboards/vezne.json").read_text("utf-8"))
    check("the dashboard has panels", len(dashboard["panels"]) > 10)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            metrics_exist(f"panel {panel['title']}", target["expr"], metrics)


def promtool_agrees():
    if not shutil.which("promtool"):
        print("skipped promtool: it is not installed")
        return
    run = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    check("promtool check rules", run.returncode == 0, run.stdout + run.stderr)


def main():
    text, metrics = RULES.read_text("utf-8"), documented()
    check("docs/metrics.md has metrics", len(metrics) > 20)
    found = rules(text)
    runbooks = anchors("docs/operating.md")
    for name, expression, runbook, severity in found:
        metrics_exist(name, expression, metrics)
        check(f"parentheses of {name}", expression.count("(") == expression.count(")"))
        path, _, anchor = (runbook or "").partition("#")
        check(f"runbook of {name}", path == "docs/operating.md" and anchor in runbooks, runbook)
        check(f"severity of {name}", severity in ("page", "ticket"))
    what_wakes_is_there([name for name, *_ in found])
    is_well_formed(text, found)
    the_dashboard_shows_what_there_is(metrics)
    promtool_agrees()
    failed = RESULTS.count(False)
    print(f"{len(RESULTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
