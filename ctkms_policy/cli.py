"""The command line: ``main(argv) -> int``, with named exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import ctkms_policy

if TYPE_CHECKING:
    from datetime import date

    from ctkms_policy.cloudformation.parameters import Parameters
    from ctkms_policy.config import Config
    from ctkms_policy.result import Result
    from ctkms_policy.rulebook import Rule
    from ctkms_policy.source import ParseError
    from ctkms_policy.terraform.inputs import Inputs


class Exit(IntEnum):
    """What the exit code says."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    UNFINISHED = 3


class UsageError(Exception):
    """A wrong command line; the message says what to do."""


def entry_point() -> None:
    """Run as the console script ``ctkms-policy``."""
    raise SystemExit(main(sys.argv[1:]))


def main(argv: Sequence[str], stdout: TextIO | None = None, stderr: TextIO | None = None) -> int:
    """Run the command line ``argv`` (without the program name) and return the exit code."""
    stdout, stderr = stdout or sys.stdout, stderr or sys.stderr
    parser = _parser(argv)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed its message
        return int(stop.code or 0)
    if arguments.run is None:
        parser.print_help(stderr)
        return Exit.USAGE
    try:
        code: int = arguments.run(arguments, stdout, stderr)
        stdout.flush()
    except UsageError as error:
        print(f"ctkms-policy: {error}", file=stderr)
        return Exit.USAGE
    except BrokenPipeError:
        # The reader of our output has gone, for example `| head`: nothing is left to say, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.UNFINISHED
    except KeyboardInterrupt:
        print("ctkms-policy: interrupted", file=stderr)
        return Exit.UNFINISHED
    except Exception as error:
        if os.environ.get("CTKMS_POLICY_TRACEBACK"):
            raise
        print(f"ctkms-policy: could not finish: {error}", file=stderr)
        print("this is a defect of ctkms-policy: please report it with the output of CTKMS_POLICY_TRACEBACK=1", file=stderr)
        return Exit.UNFINISHED
    return code


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ctkms-policy",
        description="Check that every CloudTrail trail has a customer managed KMS key whose policy lets CloudTrail in.",
        epilog="exit codes: 0 clean, 1 findings, 2 usage or configuration error, 3 could not finish",
    )
    parser.add_argument("--version", action="version", version=f"ctkms-policy {ctkms_policy.__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_check(commands.add_parser("check", help="check CloudFormation templates and Terraform modules"))
    explain = commands.add_parser("explain", help="explain a rule: why it matters and what to do")
    explain.add_argument("rule", metavar="RULE", help="a rule id or name, for example CTKMS004")
    _add_rulebook(explain)
    explain.set_defaults(run=_explain)
    rules = commands.add_parser("rules", help="list the rules")
    _add_rulebook(rules)
    rules.set_defaults(run=_rules)
    _add_waivers(commands.add_parser("waivers", help="list the waivers: who accepts what, why, and for how long"))
    init = commands.add_parser("init", help="write a commented configuration file and the pre-commit entry")
    init.set_defaults(run=_init)
    checkov_dir = commands.add_parser("checkov-dir", help="print the directory for checkov --external-checks-dir")
    checkov_dir.set_defaults(run=_checkov_dir)
    checkov_selftest = commands.add_parser("checkov-selftest", help="prove that the installed checkov runs our checks")
    checkov_selftest.set_defaults(run=_checkov_selftest)
    simulate = commands.add_parser("simulate", help="ask one key policy one question")
    if "simulate" in argv:  # its options come with the evaluator, which every other command would load for nothing
        from ctkms_policy.iam import simulate as simulation

        simulation.add_arguments(simulate)
        simulate.set_defaults(run=simulation.run)
    return parser


def _add_check(parser: argparse.ArgumentParser) -> None:
    from ctkms_policy.report import FORMATS

    parser.add_argument("paths", nargs="*", metavar="PATH", default=["."], help="files or directories (default: the current directory)")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text", help="output format (default: text)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report to FILE instead of standard output")
    _add_rulebook(parser)
    _add_run(parser)
    parser.add_argument("--fail-on", choices=["error", "warning", "note", "never"], help="exit 1 from this severity on (default: warning)")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show each trail with its assumptions, waived findings and fixes")
    parser.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="colours in text output (default: auto; NO_COLOR is respected)"
    )
    parser.set_defaults(run=_check)


def _add_rulebook(parser: argparse.ArgumentParser) -> None:
    file = parser.add_mutually_exclusive_group()
    file.add_argument("--config", metavar="FILE", help="the configuration file (default: the nearest .ctkms-policy.yaml at or above)")
    file.add_argument("--no-config", action="store_true", help="read no configuration file")
    parser.add_argument("--rules", action="append", default=[], metavar="DIR", help="a directory of own rules")


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Add what decides on the findings; each option goes before its key of the configuration file."""
    parser.add_argument(
        "--select", action="append", default=[], metavar="RULES", help="only these rules (ids or names, separated by commas)"
    )
    parser.add_argument("--ignore", action="append", default=[], metavar="RULES", help="not these rules")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERN", help="leave out files and directories that match the shell pattern"
    )
    parser.add_argument(
        "--strict", action=argparse.BooleanOptionalAction, help="assume nothing, and fail on what cannot be determined (default: no)"
    )
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="[PROVIDER=]ID",
        help="the account that is deployed to, of the default provider or of one such as aws.audit",
    )
    parser.add_argument("--region", action="append", default=[], metavar="[PROVIDER=]NAME", help="the Region that is deployed to, likewise")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a parameter of CloudFormation templates")
    parser.add_argument(
        "--parameters",
        action="append",
        default=[],
        metavar="FILE",
        help="parameters of CloudFormation templates: the AWS CLI's list, CodePipeline's configuration or a map, in JSON or YAML",
    )
    for option, metavar, what in (("--var", "NAME=VALUE", "a variable of"), ("--var-file", "FILE", "a .tfvars file for")):
        parser.add_argument(
            option,
            action="append",
            default=[],
            dest="inputs",
            metavar=metavar,
            type=partial(_named, option),  # terraform takes both in the order in which they are given
            help=f"{what} Terraform root modules",
        )
    parser.add_argument("--tf-var-env", action="store_true", help="also take the TF_VAR_ variables of the environment, as terraform does")
    parser.add_argument(
        "--hcl-reader",
        choices=["auto", "tree-sitter", "python-hcl2"],
        default="auto",
        help="what parses Terraform (default: tree-sitter where it is installed)",
    )
    parser.add_argument("--today", metavar="YYYY-MM-DD", help="the day on which waivers are judged (default: today in UTC)")


def _add_waivers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", default=["."], help="files or directories (default: the current directory)")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="output format (default: table)")
    _add_rulebook(parser)
    _add_run(parser)
    parser.set_defaults(run=_waivers)


def _named(option: str, text: str) -> tuple[str, str]:
    return option, text


def _check(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.report import FORMATS, ReportOptions

    config = _config(arguments)
    result = _result(arguments, config)
    for warning in result.warnings:
        print(f"ctkms-policy: warning: {warning}", file=stderr)
    color = arguments.output is None and _wants_color(arguments.color, stdout)
    report = FORMATS[arguments.format]()(result, ReportOptions(color=color, verbose=arguments.verbose))
    if arguments.output is None:
        stdout.write(report)
    else:
        try:
            Path(arguments.output).write_text(report, encoding="utf-8", newline="\n")
        except OSError as error:
            raise UsageError(f"cannot write {arguments.output}: {error.strerror}") from None
    fail_on = arguments.fail_on or config.fail_on
    return Exit.FINDINGS if _is_over_threshold(result, fail_on, config.strict) else Exit.CLEAN


def _config(arguments: argparse.Namespace) -> Config:
    """Return the configuration, with what the command line says instead."""
    from ctkms_policy.config import Config, ConfigurationError, find_config, load_config

    here = Path.cwd()
    if arguments.config is not None and not Path(arguments.config).is_file():
        raise UsageError(f"no such configuration file: {arguments.config}")
    file = None if arguments.no_config else Path(arguments.config) if arguments.config is not None else find_config(here)
    try:
        config = load_config(file, here) if file is not None else Config()
    except ConfigurationError as error:
        raise _usage_error(error) from None
    bindings: dict[str, str] = {**config.bindings}
    for option in ("account", "region"):
        for text in getattr(arguments, option, []):
            bindings.update(_binding(option, text))
    strict = getattr(arguments, "strict", None)
    return replace(
        config,
        bindings=bindings,
        exclude=tuple(getattr(arguments, "exclude", [])) or config.exclude,
        strict=config.strict if strict is None else strict,
        rules=tuple(Path(directory) for directory in arguments.rules) or config.rules,
    )


def _binding(option: str, text: str) -> dict[str, str]:
    """Return the ambient symbols that ``--account`` or ``--region`` binds: ``ID`` or ``aws.audit=ID``."""
    import re

    from ctkms_policy.config import ACCOUNT_ID, PROVIDER, REGION, bindings_of

    provider, _, value = text.rpartition("=")
    pattern, form = {"account": (ACCOUNT_ID, "an account id of 12 digits"), "region": (REGION, "a Region such as us-east-1")}[option]
    if not re.fullmatch(pattern, value):
        raise UsageError(f'--{option} must be {form}, not "{value}"')
    if provider and not re.fullmatch(PROVIDER, provider):
        raise UsageError(f'--{option}: "{provider}" is no provider configuration with an alias, such as aws.audit')
    return bindings_of(**{option: value}, provider=provider)


def _usage_error(error: ParseError) -> UsageError:
    return UsageError(f"{error}\n  = help: {error.help}" if error.help else str(error))


def _result(arguments: argparse.Namespace, config: Config) -> Result:
    """Return what the linter finds."""
    from ctkms_policy.linter import UndeclaredInput, check

    paths = [Path(path) for path in arguments.paths]
    for path in paths:
        if not path.exists():
            raise UsageError(f"no such file or directory: {path}")
    rulebook = _rulebook(config)
    select, ignore = _names(arguments.select), _names(arguments.ignore)
    for name in (*select, *ignore):
        _rule_named(rulebook, name)
    options = config.options(rulebook, select=select, ignore=ignore, today=_day(arguments.today))
    options = replace(options, parameters=_parameters(arguments), inputs=_inputs(arguments), hcl_reader=arguments.hcl_reader)
    from ctkms_policy.terraform.hcl import ReaderUnavailable

    try:
        return check(paths, options)
    except (ReaderUnavailable, UndeclaredInput) as error:
        raise UsageError(str(error)) from None


def _parameters(arguments: argparse.Namespace) -> Parameters | None:
    """Return what is given to the parameters of templates: of two files the later one wins, and ``--parameter`` wins over files."""
    if not arguments.parameters and not arguments.parameter:
        return None
    from ctkms_policy.cloudformation.parameters import Parameters, parse_parameter, read_parameters
    from ctkms_policy.source import ParseError, read_source

    given = Parameters()
    for file in arguments.parameters:
        try:
            given = given.updated(read_parameters(read_source(Path(file), file)))
        except ParseError as error:
            raise _usage_error(error) from None
    for text in arguments.parameter:
        try:
            given = given.updated(parse_parameter(text))
        except ValueError as problem:
            raise UsageError(f"--parameter: {problem}") from None
    return given


def _inputs(arguments: argparse.Namespace) -> Inputs | None:
    """Return what is given to the variables of root modules."""
    environment = {}
    if arguments.tf_var_env:
        environment = {name[len("TF_VAR_") :]: value for name, value in os.environ.items() if name.startswith("TF_VAR_")}
    if not arguments.inputs and not environment:
        return None
    from ctkms_policy.terraform.inputs import Inputs

    given: list[tuple[str, str] | Path] = []
    for option, text in arguments.inputs:
        name, equals, value = text.partition("=")
        if option == "--var-file" and not Path(text).is_file():
            raise UsageError(f"--var-file: no such file: {text}")
        if option == "--var" and not (equals and name.strip()):
            raise UsageError(f'--var: "{text}" is not NAME=VALUE')
        given.append((name.strip(), value) if option == "--var" else Path(text).resolve())
    return Inputs(tuple(given), environment)


def _rulebook(config: Config) -> tuple[Rule, ...]:
    from ctkms_policy.config import ConfigurationError
    from ctkms_policy.rulebook import RulebookError

    try:
        return config.rulebook()
    except (ConfigurationError, RulebookError) as error:
        raise _usage_error(error) from None


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    from datetime import datetime

    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise UsageError(f'--today must be a day such as 2027-01-31, not "{text}"') from None


def _waivers(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.waiver_list import waiver_json, waiver_table

    write = {"table": waiver_table, "json": waiver_json}[arguments.format]
    stdout.write(write(_result(arguments, _config(arguments)).waivers))
    return Exit.CLEAN


def _init(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.init import write_starting_files

    try:
        stdout.write(write_starting_files(Path.cwd()))
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {(error.strerror or str(error)).lower()}") from None
    return Exit.CLEAN


def _is_over_threshold(result: Result, fail_on: str, strict: bool) -> bool:
    from ctkms_policy.finding import Severity

    if fail_on == "never":
        return False
    if strict and result.undetermined:
        return True
    return any(finding.fails and finding.severity.weight >= Severity(fail_on).weight for finding in result.findings)


def _wants_color(choice: str, stream: TextIO) -> bool:
    if choice != "auto":
        return choice == "always"
    # https://no-color.org: any value that is not empty turns colours off.
    return not os.environ.get("NO_COLOR") and stream.isatty() and os.environ.get("TERM") != "dumb"


def _names(options: Sequence[str]) -> list[str]:
    return [name.strip() for option in options for name in option.split(",") if name.strip()]


def _is_named(rule: Rule, names: Sequence[str]) -> bool:
    return any(name.upper() == rule.id or name.lower() == rule.name for name in names)


def _rule_named(rules: Sequence[Rule], name: str) -> Rule:
    for rule in rules:
        if _is_named(rule, [name]):
            return rule
    import difflib

    near = difflib.get_close_matches(name.upper(), [rule.id for rule in rules], 1) or difflib.get_close_matches(
        name.lower(), [rule.name for rule in rules], 1
    )
    hint = f", did you mean {near[0]}?" if near else ""
    raise UsageError(f'there is no rule "{name}"{hint} (ctkms-policy rules lists all)')


def _explain(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.report.explain import explain

    stdout.write(explain(_rule_named(_rulebook(_config(arguments)), arguments.rule)))
    return Exit.CLEAN


def _rules(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.report.explain import rule_table

    stdout.write(rule_table(_rulebook(_config(arguments))))
    return Exit.CLEAN


def _checkov_dir(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.checkov import EXTERNAL_CHECKS

    stdout.write(f"{EXTERNAL_CHECKS}\n")
    return Exit.CLEAN


def _checkov_selftest(arguments: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    from ctkms_policy.checkov.selftest import selftest

    return Exit.CLEAN if selftest(stdout) else Exit.UNFINISHED
