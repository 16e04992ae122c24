"""Reports: one module per output format, each with a function ``write(result, options) -> str``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ctkms_policy.result import Result


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is written.

    color    whether text output holds ANSI colours
    verbose  whether text output also shows each trail, waived findings and the text of fixes
    width    columns after which text output wraps prose and cuts source lines
    """

    color: bool = False
    verbose: bool = False
    width: int = 120


Write = Callable[["Result", ReportOptions], str]
"""Returns the whole report as text that ends with a line end."""


def _load(name: str) -> Write:
    return cast(Write, import_module(f"ctkms_policy.report.{name}").write)


FORMATS: Mapping[str, Callable[[], Write]] = {
    name: partial(_load, name) for name in ("text", "json", "sarif", "junit", "github", "gitlab", "markdown")
}
"""The output formats by name; call the value to import and get the function: ``FORMATS["text"]()(result, options)``."""
