"""All report formats: golden output, laziness, and text that means harm."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_sample import CANNOT_ENCRYPT, CLEAN, GOLDEN, NOT_VISIBLE, NOTHING, OUTPUTS, SAMPLE, WAIVED, golden_text

from ctkms_policy.finding import Finding, Fix, Related, Severity, Verdict
from ctkms_policy.report import FORMATS, ReportOptions
from ctkms_policy.report.escape import path_from_root, visible
from ctkms_policy.report.summary import summary_line
from ctkms_policy.result import Result
from ctkms_policy.source import Source, Span


def report(form: str, result: Result, **options: Any) -> str:
    return FORMATS[form]()(result, ReportOptions(**options))


@pytest.mark.parametrize("name", OUTPUTS)
def test_golden(name: str) -> None:
    assert golden_text(name) == (GOLDEN / name).read_bytes().decode()


def test_every_format_has_a_golden_file() -> None:
    assert {form for form, _ in OUTPUTS.values()} == set(FORMATS)
    assert {file.name for file in GOLDEN.iterdir()} == set(OUTPUTS)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("result", [SAMPLE, CLEAN, NOTHING], ids=["sample", "clean", "nothing"])
def test_reports_end_with_one_line_end(form: str, result: Result) -> None:
    text = report(form, result)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_naming_the_formats_imports_none_of_them() -> None:
    code = "import sys, ctkms_policy.report; print([m for m in sys.modules if m.startswith('ctkms_policy.report.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# -- the summary -------------------------------------------------------------------------------------------------------


def counted(trails: int, keys: int, files: int, findings: tuple[Finding, ...] = (), stores: int = 0) -> Result:
    store, trail = SAMPLE.trails[2], SAMPLE.trails[0]
    return replace(SAMPLE, findings=findings, trails=(trail,) * trails + (store,) * stores, keys=keys, files=files)


NOTE = replace(CANNOT_ENCRYPT, severity=Severity.NOTE)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            counted(3, 2, 41, (CANNOT_ENCRYPT, NOT_VISIBLE, WAIVED)),
            "3 trails, 2 keys in 41 files: 1 error, 0 warnings, 1 undetermined, 1 waived",
        ),
        (counted(1, 1, 1), "1 trail, 1 key in 1 file: 0 errors, 0 warnings, 0 undetermined, 0 waived"),
        (counted(0, 1, 2), "0 trails, 1 key in 2 files: 0 errors, 0 warnings, 0 undetermined, 0 waived"),
        (counted(1, 0, 2, (NOTE, NOTE)), "1 trail, 0 keys in 2 files: 0 errors, 0 warnings, 2 notes, 0 undetermined, 0 waived"),
        (counted(1, 0, 2, (NOTE,)), "1 trail, 0 keys in 2 files: 0 errors, 0 warnings, 1 note, 0 undetermined, 0 waived"),
        (
            counted(0, 0, 2, stores=2),
            "0 trails, 2 event data stores, 0 keys in 2 files: 0 errors, 0 warnings, 0 undetermined, 0 waived",
        ),
        (counted(0, 0, 0), "no CloudTrail trail and no KMS key in 0 files: nothing to check"),
        (counted(0, 0, 1), "no CloudTrail trail and no KMS key in 1 file: nothing to check"),
        (
            counted(0, 0, 1, (CANNOT_ENCRYPT,)),
            "no CloudTrail trail and no KMS key in 1 file: 1 error, 0 warnings, 0 undetermined, 0 waived",
        ),
    ],
)
def test_summary_line(result: Result, line: str) -> None:
    assert summary_line(result) == line
    assert report("text", result).endswith("\n" + line + "\n") or report("text", result) == line + "\n"


# -- text of unknown origin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 日本", "plain ä 日本"),
        ("a\x1b[31mb", "a<U+001B>[31mb"),
        ("a\nb\tc\r\nd\re", "a b c d e"),
        ("\x9b31m\x7f", "<U+009B>31m<U+007F>"),
        ("\u202eevil\u2066", "<U+202E>evil<U+2066>"),
        ("\u2028\u200b\ufeff", "<U+2028><U+200B><U+FEFF>"),
        ("\udcff", "<U+DCFF>"),
        ("\U000e0041", "<U+E0041>"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("", "a.tf", "a.tf"),
        ("", "./a.tf", "a.tf"),
        ("a/b/", "c.tf", "a/b/c.tf"),
        ("a/b/", "../c.tf", "a/c.tf"),
        ("a/", "/abs/c.tf", "/abs/c.tf"),
        ("a/", "C:/c.tf", "C:/c.tf"),
    ],
)
def test_path_from_root(prefix: str, path: str, expected: str) -> None:
    assert path_from_root(prefix, path) == expected


NASTY = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\x1b\x00\x07\x9b\r\n\t\u202e\u2028\ud800\udfff\ufffe`|<>&\"'%:,[](){0}\\@*_日\u0301\U0001f600")
    ),
    max_size=30,
)
NUMBER = st.integers(1, 9)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    def span() -> Span:
        path = draw(st.sampled_from(["a.tf", "b.yaml", "none.tf"]) | NASTY)
        return Span(path, draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER))

    return Finding(
        rule=draw(st.sampled_from(["CTKMS004", "ACME001"]) | NASTY),
        name=draw(NASTY),
        severity=draw(st.sampled_from(Severity)),
        verdict=draw(st.sampled_from(Verdict)),
        resource=draw(NASTY),
        message=draw(NASTY),
        span=span(),
        label=draw(NASTY),
        help=draw(NASTY),
        related=tuple(Related(span(), draw(NASTY)) for _ in range(draw(st.integers(0, 4)))),
        fix=draw(st.none() | st.builds(Fix, st.just("hcl"), NASTY)),
        waived=draw(st.none() | st.builds(replace, st.just(WAIVED.waived), owner=NASTY, reason=NASTY)),
    )


SOURCES = st.lists(NASTY, max_size=8).map("\n".join)


@given(st.lists(findings(), max_size=2), SOURCES, SOURCES, st.booleans())
@settings(max_examples=100, deadline=None)
def test_nothing_crashes_and_nothing_reaches_the_terminal(found: list[Finding], first: str, second: str, color: bool) -> None:
    sources = {"a.tf": Source("a.tf", first), "b.yaml": Source("b.yaml", second)}
    result = replace(SAMPLE, findings=tuple(found), sources=sources)
    for form in FORMATS:
        text = report(form, result, color=color, verbose=True)
        text.encode()
        bare = re.sub(r"\x1b\[[0-9;]+m", "", text) if color and form == "text" else text
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", bare), form
        if form in ("json", "sarif", "gitlab"):
            json.loads(text)
        if form == "junit":
            root = ElementTree.fromstring(text)
            assert len(root.findall(".//testcase")) == int(root.attrib["tests"])
            assert len(root.findall(".//failure")) == int(root.attrib["failures"])
            assert len(root.findall(".//skipped")) == int(root.attrib["skipped"])
        if form == "github":
            assert text.count("\n") == 1 + sum(finding.waived is None for finding in found)
        if form == "markdown":
            rows = [line for line in text.splitlines() if line.startswith("| ") and "CTKMS004 " in line]
            assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in rows)


# -- one format each ---------------------------------------------------------------------------------------------------


def test_json_is_the_promised_interface() -> None:
    document = json.loads(report("json", SAMPLE))
    assert list(document) == ["schema", "tool", "summary", "trails", "findings"]
    assert list(document["summary"]) == ["files", "trails", "keys", "errors", "warnings", "notes", "undetermined", "waived"]
    assert document["summary"] == dict(zip(document["summary"], (41, 2, 2, 2, 1, 0, 1, 1), strict=True))
    trail = document["trails"][1]
    assert list(trail) == ["address", "kind", "path", "line", "created_when", "kms_key", "policy", "assumptions", "verdict", "findings"]
    assert trail["kms_key"] == {"state": "depends", "key": None, "value": "var.key_arn", "reason": "var.key_arn has no default"}
    assert document["trails"][0]["created_when"] is None
    finding = document["findings"][2]
    assert list(finding) == [
        *("rule", "name", "severity", "verdict", "resource", "message", "help", "location", "related", "fingerprint", "waived", "fix")
    ]
    assert finding["location"] == {"path": "infra/kms.tf", "line": 17, "column": 19, "end_line": 17, "end_column": 61}
    assert list(finding["related"][0]) == ["path", "line", "column", "end_line", "end_column", "note"]
    assert finding["waived"] is None
    assert document["findings"][0]["fix"] is None
    assert document["findings"][3]["waived"] == {
        "owner": "alice@example.com",
        "reason": "leaves with the | old account",
        "expires": "2027-01-31",
    }
    assert document["trails"][0]["findings"] == [finding["fingerprint"]]


def test_json_keeps_letters_as_they_are() -> None:
    text = report("json", replace(SAMPLE, findings=(replace(CANNOT_ENCRYPT, message="größe 日本"),)))
    assert "größe 日本" in text


def test_github_escapes_what_ends_a_property_or_a_message() -> None:
    finding = replace(CANNOT_ENCRYPT, span=Span("a,b:c%.tf", 1, 2, 1, 3), message="50%\n::error::x", label="", help="")
    command = report("github", replace(SAMPLE, prefix="", findings=(finding,))).splitlines()[0]
    assert command == (
        "::error file=a%2Cb%3Ac%25.tf,line=1,endLine=1,col=2,endColumn=3,title=CTKMS004 cloudtrail-cannot-encrypt::50%25%0A::error::x"
    )


def test_gitlab_fingerprints_are_unique_and_stable() -> None:
    found = (CANNOT_ENCRYPT, CANNOT_ENCRYPT, NOT_VISIBLE)
    entries = json.loads(report("gitlab", replace(SAMPLE, findings=found)))
    prints = [entry["fingerprint"] for entry in entries]
    assert prints[0] == CANNOT_ENCRYPT.fingerprint
    assert len(set(prints)) == 3
    assert json.loads(report("gitlab", replace(SAMPLE, findings=found))) == entries
    assert [entry["severity"] for entry in entries] == ["critical", "critical", "info"]


def test_markdown_shows_markup_as_it_is() -> None:
    finding = replace(CANNOT_ENCRYPT, message="<b>@team | `x` https://e.example", help="", span=Span("a|`b.tf", 1, 1, 1, 2))
    text = report("markdown", replace(SAMPLE, findings=(finding,)))
    assert "| ``a\\|`b.tf:1:1`` | &lt;b&gt;&#64;team \\| \\`x\\` https&#58;//e.example |" in text


def test_a_markdown_fence_is_longer_than_any_in_the_fix() -> None:
    finding = replace(CANNOT_ENCRYPT, fix=Fix("hcl", "a\n````\nb"))
    assert "`````hcl\na\n````\nb\n`````\n" in report("markdown", replace(SAMPLE, findings=(finding,)))


def test_junit_counts_an_unwaived_error_as_the_only_failure() -> None:
    root = ElementTree.fromstring(report("junit", replace(SAMPLE, findings=(CANNOT_ENCRYPT, NOTE, NOT_VISIBLE, WAIVED))))
    assert [root.attrib[name] for name in ("tests", "failures", "errors", "skipped")] == ["5", "1", "0", "2"]
    assert [case.attrib["name"].split()[0] for case in root.iter("testcase") if case.find("failure") is not None] == ["CTKMS004"]
