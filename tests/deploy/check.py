#!/usr/bin/env python3
"""Holds the files of `deploy/` to what they promise. Standard library only.

    tests/deploy/check.py    ends with `N passed, N failed`
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RESULTS = []
# Of 100; systemd calls everything below 2.0 (here 20) OK. What is left is mostly
# the network, which a window needs.
EXPOSURE = 17


def check(name, holds, why=""):
    RESULTS.append(bool(holds))
    if not holds:
        print(f"FAILED {name}{': ' + why if why else ''}")


def the_unit_is_understood_and_confines():
    unit = (DEPLOY / "systemd/vezne.service").read_text(encoding="utf-8")
    program = "/usr/local/bin/vezne"
    check("the unit starts the program", f"ExecStart={program} serve --config " in unit)
    if not shutil.which("systemd-analyze"):
        print("skipped the unit's examination: systemd-analyze is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "vezne.service"
        # The program is not installed where the checks run.
        copy.write_text(unit.replace(f"ExecStart={program}", f"ExecStart={shutil.which('true')}"), encoding="utf-8")
        run = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60)
        complaints = [line for line in run.stderr.splitlines() if "vezne.service" in line]
        check("systemd-analyze verify", run.returncode == 0 and not complaints, run.stderr.strip())
        command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", copy]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        check("systemd-analyze security", run.returncode == 0, run.stdout.strip().splitlines()[-1:])


def the_image_has_no_shell_and_no_root():
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"(?m)^FROM (\S+)", text)
    check("the image is made in two stages", len(stages) == 2 and stages[1].endswith(":nonroot"), str(stages))
    last = text[text.rindex("\nFROM "):]
    check("the image's user is not root", "\nUSER nonroot:nonroot\n" in last)
    check("the image runs nothing at its making", "\nRUN " not in last and '\nENTRYPOINT ["' in last)
    check("the image has no sandbox", "--no-default-features" in text and "--locked" in text)
    toolchain = re.search(r"^FROM rust:([\d.]+)-", text, re.M).group(1)
    wanted = re.search(r'^rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.M).group(1)
    check("the image's toolchain is the crate's", toolchain == wanted, f"{toolchain}, not {wanted}")
    for source in re.findall(r"(?m)^COPY ((?:[\w./]+ )+)\S+$", text[:text.rindex("\nFROM ")]):
        for name in source.split():
            check(f"the image's source {name}", (ROOT / name).exists(), "there is no such file")


def main():
    the_unit_is_understood_and_confines()
    the_image_has_no_shell_and_no_root()
    failed = RESULTS.count(False)
    print(f"{len(RESULTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
