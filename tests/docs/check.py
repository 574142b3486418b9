#!/usr/bin/env python3
"""Holds the documents to the code. Standard library only.

    tests/docs/check.py           checks; ends with `N passed, N failed`
    tests/docs/check.py --write   copies the examples' marked regions into the README first
"""

import base64
import hashlib
import hmac
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
RESULTS = []


def check(name, holds, why=""):
    RESULTS.append(bool(holds))
    if not holds:
        print(f"FAILED {name}" + (f": {why}" if why else ""))


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def documents():
    return sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))


# Links


def without_code(text):
    return re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", text)


def anchors(text):
    """The anchors that GitHub gives a document's headings."""
    found = []
    for heading in re.findall(r"(?m)^#+ +(.+?) *$", re.sub(r"(?ms)^```.*?^```", "", text)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return found


def links_lead_somewhere():
    for document in documents():
        text = without_code(document.read_text(encoding="utf-8"))
        targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'href="([^"]+)"', text)
        for target in targets:
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = unquote(target).partition("#")
            file = (document.parent / path).resolve() if path else document
            name = f"link {target} in {document.relative_to(ROOT)}"
            check(name, file.exists(), "there is no such file")
            if anchor and file.is_file():
                check(name, anchor in anchors(file.read_text(encoding="utf-8")), "there is no such heading")


# Problems


def problems_are_those_of_the_code():
    kinds = re.findall(r'(?m)^    [A-Z_]+ = (\d{3}) "([^"]+)" "([^"]+)"', text_of("src/error.rs"))
    rows = re.findall(r"(?m)^\| `([a-z-]+)` \| (\d{3}) \| ([^|]+?) \|", text_of("docs/api.md"))
    in_code = {slug: (status, title) for status, slug, title in kinds}
    in_document = {slug: (status, title) for slug, status, title in rows}
    check("src/error.rs has problems", len(in_code) > 5)
    for slug in sorted(in_code.keys() | in_document.keys()):
        code, document = in_code.get(slug), in_document.get(slug)
        check(f"problem {slug} in docs/api.md", code == document, f"code {code}, document {document}")


# Cards


def cards_are_those_of_the_sandbox():
    in_code = set(re.findall(r'"(\d{15,16})"', text_of("src/sandbox/magic.rs").split("#[cfg(test)]")[0]))
    in_document = set(re.findall(r"(?m)^\| (\d{15,16}) \|", text_of("docs/test-cards.md")))
    check("src/sandbox/magic.rs has cards", len(in_code) > 20)
    for number in sorted(in_code ^ in_document):
        check(f"card {number}", False, "in one of src/sandbox/magic.rs and docs/test-cards.md only")
    check("cards of docs/test-cards.md", in_code == in_document)


# Schedule


def the_schedule_is_the_default():
    seconds = text_of("src/config/settings.rs").split("DEFAULT_RETRY_SECONDS: [u64; 10] = [")[1].split("];")[0]
    products = [item.split("*") for item in re.sub(r"//.*", "", seconds).split(",") if item.strip()]
    numbers = [math.prod(int(factor) for factor in product) for product in products]
    units = {"s": 1, "min": 60, "h": 3600}
    sentence = re.search(r"\*\*Schedule\.\*\*(.*?), each plus", text_of("docs/callbacks.md"), re.S).group(1)
    waits = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", sentence)]
    check("schedule of docs/callbacks.md", waits == numbers, f"code {numbers}, document {waits}")


# What the documents for assessors name: tests, steps, commands, settings, files

EVIDENCE = ["SECURITY.md", "docs/pci.md"]


def code_of(document):
    return re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text_of(document)))


def named_tests_exist():
    for document in EVIDENCE:
        named = [code for code in code_of(document) if "::" in code and code != "file::name"]
        check(f"{document} names tests", len(named) > 10)
        for code in named:
            file, _, name = code.partition("::")
            exists = (ROOT / file).is_file() and is_a_test(text_of(file), name)
            check(f"test {code} of {document}", exists, "there is no such test")


def is_a_test(code, name):
    """A function with a test's attribute that CI runs: attributes stand directly above. Or one
    that tests/store runs on each store."""
    on_each_store = re.search(r"on_each_store!\(([^)]*)\)", code)
    if on_each_store and name in re.findall(r"\w+", on_each_store.group(1)):
        return re.search(rf"^async fn {re.escape(name)}\(", code, re.M)
    found = re.search(rf"((?:^ *#\[.*\]\n)+) *(?:async )?fn {re.escape(name)}\(", code, re.M)
    return found and re.search(r"#\[(?:tokio::)?test\b", found.group(1)) and "#[ignore" not in found.group(1)


def named_steps_exist():
    steps = set(re.search(r"STEPS=\(([^)]*)\)", text_of("tests/run.sh")).group(1).split())
    for document in EVIDENCE:
        text = text_of(document)
        named = re.findall(r"tests/run\.sh (\w+)", text) + re.findall(r"step `(\w+)` of `tests/run\.sh`", text)
        check(f"{document} names steps", named)
        for step in named:
            check(f"step {step} of {document}", step in steps, "tests/run.sh has no such step")


def verbs_of(file, enumeration):
    """The variants of a command line's enum, as they are typed."""
    body = re.search(rf"enum {enumeration} \{{\n(.*?)^\}}", text_of(file), re.S | re.M).group(1)
    return {re.sub(r"(?<=.)([A-Z])", r"-\1", name).lower() for name in re.findall(r"(?m)^    ([A-Z]\w*)", body)}


def named_commands_exist():
    commands = verbs_of("src/cli/mod.rs", "Verb")
    groups = {group: verbs_of(f"src/cli/{group}/mod.rs", "Verb") for group in ["events", "keys", "merchant"]}
    check("src/cli has commands", {"serve", "check-config"} <= commands and "rotate-key" in groups["merchant"])
    for document in EVIDENCE:
        for code in code_of(document):
            words = code.split()
            if words[0] == "vezne" and len(words) > 1:
                is_known = words[1] in commands and (words[1] not in groups or words[2] in groups[words[1]])
                check(f"command {code} of {document}", is_known, "there is no such command")


def named_settings_and_files_exist():
    keys = set(re.findall(r"(?m)^\| `([a-z_.A-Z]+)` \|", text_of("docs/configuration.md")))
    sections = {key.split(".")[0] for key in keys if "." in key}
    for document in EVIDENCE:
        for code in code_of(document):
            if re.fullmatch(r"[a-z]+\.[a-z_.]+", code) and code.split(".")[0] in sections:
                check(f"setting {code} of {document}", code in keys, "docs/configuration.md has no such key")
            if re.fullmatch(r"(?:src|tests|docs|deploy|static)/[\w./-]+", code):
                check(f"file {code} of {document}", (ROOT / code).exists(), "there is no such file")


# The SDK's published files

def numbers(version):
    return [int(number) for number in version.split(".")]


def the_sdk_is_named_as_it_is():
    versions = [folder.name for folder in (ROOT / "static/sdk").iterdir() if folder.name[0].isdigit()]
    newest = max(versions, key=numbers)
    for document in ["README.md", "docs/sdk.md"]:
        named = re.findall(r"/sdk/v1/(\d[\d.]*)/(vezne\.m?js)(?:\"\s+integrity=\"(sha384-[^\"]*)\")?", text_of(document))
        check(f"{document} names the SDK", named)
        for version, file, integrity in named:
            check(f"SDK {version} of {document}", version == newest, f"the newest is {newest}")
            if integrity:
                content = (ROOT / "static/sdk" / newest / file).read_bytes()
                is_of = "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
                check(f"hash of {file} in {document}", integrity == is_of, f"it is {is_of}")


# Examples

EXAMPLES = ["docs/examples/node.mjs", "docs/examples/python.py", "docs/examples/merchant.php"]


def region(path):
    """What an example marks for the README, one region behind the other."""
    marked = re.findall(r"(?ms)^ *(?://|#) readme:begin\n(.*?)^ *(?://|#) readme:end$", text_of(path))
    return "\n\n".join(textwrap.dedent(code) for code in marked)


def quoted(path):
    """The README's quotation of an example: what stands before, the code, what stands behind."""
    return re.compile(rf"(<!-- from {re.escape(path)} -->\n```\w+\n)(.*?)(^```$)", re.S | re.M)


def write_readme():
    readme = text_of("README.md")
    for path in EXAMPLES:
        code = region(path)
        readme = quoted(path).sub(lambda match: match.group(1) + code + match.group(3), readme)
    (ROOT / "README.md").write_text(readme, encoding="utf-8")


def the_readme_quotes_the_examples():
    readme = text_of("README.md")
    for path in EXAMPLES:
        match = quoted(path).search(readme)
        check(f"README.md quotes {path}", match and match.group(2) == region(path), "run tests/docs/check.py --write")


# The worked example, and the examples' verifiers on it


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_result(secret, result):
    fields = ["session", "status", "conversationId", "timestamp", "tokenDigest"]
    text = "\n".join(["vezne-result-v1"] + [result[name] for name in fields])
    return base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def worked_example():
    document = text_of("docs/verify.md")
    rows = {name.strip("`"): value for name, value in re.findall(r"(?m)^\| ([^|]+?) \| `([^`]+)` \|$", document)}
    secret, token = rows.pop("signing secret"), rows.pop("card token")
    failed = re.search(r"`failed` and an empty `tokenDigest` has the\s+signature `([^`]+)`", document).group(1)
    return secret, token, rows, dict(rows, status="failed", tokenDigest="", signature=failed)


def the_worked_example_recomputes():
    secret, token, completed, failed = worked_example()
    check("tokenDigest of docs/verify.md", completed["tokenDigest"] == base64url(hashlib.sha256(token.encode()).digest()))
    check("signature of docs/verify.md", completed["signature"] == sign_result(secret, completed))
    check("signature without a token of docs/verify.md", failed["signature"] == sign_result(secret, failed))
    code = text_of("src/handoff/result.rs")
    for value in [secret, token, completed["tokenDigest"], completed["signature"], completed["conversationId"]]:
        check(f"{value} of docs/verify.md in src/handoff/result.rs", f'"{value}"' in code)


RUNNERS = {
    "static/sdk/server/vezne-verify.mjs": (["node"], "run.mjs", """
import {{ verifyCallback, verifyResult }} from {file};
import {{ readFileSync }} from 'node:fs';
const cases = JSON.parse(readFileSync({cases}));
const tried = (verify) => {{ try {{ return verify(); }} catch (error) {{ return error.code; }} }};
console.log(JSON.stringify([
  ...cases.results.map(({{ result, secrets }}) => tried(() => verifyResult(result, secrets))),
  ...cases.callbacks.map(({{ headers, body, secrets, now }}) => tried(() => verifyCallback(headers, Buffer.from(body), secrets, {{ now }}))),
  ...['', [], 'vzsig_', 'other', null].map((secrets) => tried(() => verifyResult(cases.results[0].result, secrets)) ?? 'secret'),
]));
"""),
    "static/sdk/server/vezne_verify.py": ([sys.executable, "-B"], "run.py", """
import importlib.util, json
spec = importlib.util.spec_from_file_location("vezne_verify", {file})
vezne = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vezne)
cases = json.load(open({cases}, encoding="utf-8"))
def tried(verify, *given, **more):
    try:
        return verify(*given, **more)
    except vezne.VerificationError as error:
        return error.code
    except ValueError:
        return "secret"
print(json.dumps([tried(vezne.verify_result, case["result"], case["secrets"]) for case in cases["results"]]
    + [tried(vezne.verify_callback, case["headers"], case["body"].encode(), case["secrets"], now=case["now"])
       for case in cases["callbacks"]]
    + [tried(vezne.verify_result, cases["results"][0]["result"], secrets) for secrets in ["", [], "vzsig_", "other", None]]))
"""),
    "static/sdk/server/vezne_verify.php": (["php"], "run.php", """<?php
require {file};
$cases = json_decode(file_get_contents({cases}), true);
function tried(callable $verify): mixed {{
    try {{ return $verify(); }}
    catch (Vezne\\VerificationError $error) {{ return $error->reason; }}
    catch (InvalidArgumentException | TypeError) {{ return 'secret'; }}
}}
echo json_encode([
    ...array_map(fn ($it) => tried(fn () => Vezne\\verifyResult($it['result'], $it['secrets'])), $cases['results']),
    ...array_map(fn ($it) => tried(fn () => Vezne\\verifyCallback($it['headers'], $it['body'], $it['secrets'], now: $it['now'])), $cases['callbacks']),
    ...array_map(fn ($secrets) => tried(fn () => Vezne\\verifyResult($cases['results'][0]['result'], $secrets)), ['', [], 'vzsig_', 'other', null]),
]);
"""),
}


# The audit trail: its verifier, and the names of its actions


def the_audit_verifier_verifies():
    text = text_of("docs/audit.md")
    verifier = re.search(r"(?ms)^```python\n(.*?)^```", text).group(1)
    vector = json.loads(text_of("tests/vectors/audit.json"))

    def code(entries):
        given = json.dumps({"entries": entries})
        return subprocess.run([sys.executable, "-c", verifier], input=given, capture_output=True, text=True).returncode

    entries = vector["entries"]
    check("the audit vector verifies by the documented verifier", code(entries) == 0)
    for index, entry in enumerate(entries):
        for field, value in [("count", 7), ("detail", "x"), ("at", 1)]:
            forged = [*entries[:index], {**entry, field: value}, *entries[index + 1:]]
            check(f"a changed {field} is found by the documented verifier", code(forged) == 1)
    check("a gap is found by the documented verifier", code([*entries[:1], *entries[2:]]) == 1)
    check("docs/audit.md quotes the vector", entries[1]["hash"] in text and entries[3]["hash"] in text)
    actions = set(re.findall(r'= "([a-z_]+\.[a-z_]+)";', text_of("src/audit/entry.rs")))
    table = text[text.index("## What is on it"):text.index("**Operators**")]
    check("docs/audit.md lists every action", set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table)) == actions, str(actions))


def the_verifiers_tell_genuine_from_forged():
    vectors = json.loads(text_of("tests/vectors/hand_off.json"))
    cases = vectors["results"] + vectors["callbacks"]
    names = [case["name"] for case in cases] + [f"unusable secret {number}" for number in range(5)]
    expected = [case.get("error") or case["verified"] for case in cases] + ["secret"] * 5
    for path, (command, name, program) in RUNNERS.items():
        if not shutil.which(command[0]):
            print(f"skipped {path}: {command[0]} is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / name
            where = {"file": json.dumps(str(ROOT / path)), "cases": json.dumps(str(ROOT / "tests/vectors/hand_off.json"))}
            script.write_text(program.format(**where), encoding="utf-8")
            run = subprocess.run(command + [str(script)], capture_output=True, text=True, timeout=60)
        answered = json.loads(run.stdout) if run.returncode == 0 else []
        check(f"{path} answers", len(answered) == len(expected), run.stderr.strip())
        for name, wanted, got in zip(names, expected, answered):
            check(f"{path}: {name}", got == wanted, f"expected {wanted}, answered {got}")


def main():
    if "--write" in sys.argv[1:]:
        write_readme()
    links_lead_somewhere()
    problems_are_those_of_the_code()
    cards_are_those_of_the_sandbox()
    the_schedule_is_the_default()
    named_tests_exist()
    named_steps_exist()
    named_commands_exist()
    named_settings_and_files_exist()
    the_sdk_is_named_as_it_is()
    the_readme_quotes_the_examples()
    the_worked_example_recomputes()
    the_verifiers_tell_genuine_from_forged()
    the_audit_verifier_verifies()
    failed = RESULTS.count(False)
    print(f"{len(RESULTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
