"""``ctkms-policy waivers``: every waiver with its state, its owner, how long it holds and what it covers."""

from __future__ import annotations

from collections.abc import Sequence

from ctkms_policy.report.escape import to_json, visible
from ctkms_policy.waivers import Waiver

_HEAD = ("STATE", "DAYS LEFT", "EXPIRES", "OWNER", "RULES", "ABOUT", "COVERS", "WHERE")


def waiver_table(waivers: Sequence[Waiver]) -> str:
    """Return a table, those that end first above; ``COVERS`` counts findings. The reason stands below each waiver."""
    if not waivers:
        return "no waivers\n"
    rows = [_HEAD, *(_row(waiver) for waiver in _in_order(waivers))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for number, waiver in reversed(list(enumerate(_in_order(waivers), 1))):
        lines[number + 1 : number + 1] = _details(waiver)
    return "\n".join(lines) + "\n"


def _in_order(waivers: Sequence[Waiver]) -> list[Waiver]:
    return sorted(waivers, key=lambda each: (each.days_left is not None, each.days_left or 0, each.written.span))


def _row(waiver: Waiver) -> tuple[str, ...]:
    written, span = waiver.written, waiver.written.span
    return tuple(
        visible(cell)
        for cell in (
            waiver.state.value,
            "-" if waiver.days_left is None else str(waiver.days_left),
            waiver.expires.isoformat() if waiver.expires else "-",
            written.owner.text if written.owner else "-",
            ",".join(each.text for each in written.rules) or "-",
            written.about,
            str(len(waiver.covers)),
            f"{span.path}:{span.line}",
        )
    )


def _details(waiver: Waiver) -> list[str]:
    lines = [f"reason: {waiver.written.reason.text}"] if waiver.written.reason else []
    lines += [f"{finding.rule} {finding.resource} ({finding.span.path}:{finding.span.line})" for finding in waiver.covers]
    lines += [defect.message for defect in waiver.defects]
    return [f"  {visible(line)}" for line in lines]


def waiver_json(waivers: Sequence[Waiver]) -> str:
    """Return ``{"schema": 1, "waivers": [...]}``; ``covers`` holds fingerprints of findings."""
    return to_json({"schema": 1, "waivers": [_entry(waiver) for waiver in _in_order(waivers)]})


def _entry(waiver: Waiver) -> dict[str, object]:
    written, span = waiver.written, waiver.written.span
    return {
        "state": waiver.state.value,
        "days_left": waiver.days_left,
        "expires": waiver.expires.isoformat() if waiver.expires else None,
        "owner": written.owner.text if written.owner else None,
        "reason": written.reason.text if written.reason else None,
        "rules": list(waiver.rules),
        "about": written.about,
        "inline": written.is_inline,
        "location": {
            "path": span.path,
            "line": span.line,
            "column": span.column,
            "end_line": span.end_line,
            "end_column": span.end_column,
        },
        "covers": [{"rule": each.rule, "resource": each.resource, "fingerprint": each.fingerprint} for each in waiver.covers],
        "defects": [{"message": defect.message, "help": defect.help} for defect in waiver.defects],
    }
