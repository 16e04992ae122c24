"""The configuration file ``.ctkms-policy.yaml``: what only the user can say about accounts, keys, rules and waivers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ctkms_policy.discover import repository_root
from ctkms_policy.finding import Severity
from ctkms_policy.iam.request import OrganizationFacts
from ctkms_policy.known_keys import KEY_ARN, read_known_key
from ctkms_policy.model import Key, ambient_account, ambient_partition, ambient_region, partition_of
from ctkms_policy.rulebook import Rule, load_rules
from ctkms_policy.source import ParseError, Source, read_source, real_path
from ctkms_policy.strict_yaml import Item, did_you_mean, read_yaml
from ctkms_policy.value import Known
from ctkms_policy.waivers import WaiverPolicy, Written, WrittenWaiver, utc_today

if TYPE_CHECKING:
    from ctkms_policy.linter import Options

FILE_NAME = ".ctkms-policy.yaml"
FAIL_ON = ("error", "warning", "note", "never")
MOST_DAYS = 36_500

ACCOUNT_ID = r"[0-9]{12}"
REGION = r"[a-z]{2,4}(-[a-z]+)+-[0-9]"
ORGANIZATION_ID = r"o-[a-z0-9]{10,32}"
PROVIDER = r"(module\.[^\s=]+\.)?aws\.[A-Za-z_][A-Za-z0-9_-]*"
"""Name of a provider configuration of Terraform that has an alias."""
READER = r"[0-9]{12}|arn:aws(-[a-z]+)*:(iam|sts)::[0-9]{12}:\S+"

_KEYS = (
    "account",
    "region",
    "providers",
    "management_account",
    "organization_id",
    "allowed_readers",
    "select",
    "ignore",
    "severities",
    "exclude",
    "fail_on",
    "strict",
    "rules",
    "keys",
    "waivers",
)


class ConfigurationError(ParseError):
    """A configuration that cannot be used: a usage error, not a finding."""


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration; without a file, one that says nothing.

    path         the file as shown to the user, "" without one
    bindings     ambient symbols that are certain, as ``Deployment`` has them
    select       rules to evaluate, () for all; ``ignore``: those to leave out
    severities   the severity of rules where it is not the default one
    exclude      shell patterns against the shown path
    fail_on      exit 1 from this severity on, or "never"
    rules        directories of own rules
    keys         keys outside the code
    sources      what was read, by shown path: findings point into it
    """

    path: str = ""
    bindings: Mapping[str, str] = field(default_factory=dict)
    facts: OrganizationFacts = field(default_factory=OrganizationFacts)
    select: tuple[Written, ...] = ()
    ignore: tuple[Written, ...] = ()
    severities: tuple[tuple[Written, Severity], ...] = ()
    exclude: tuple[str, ...] = ()
    fail_on: str = "warning"
    strict: bool = False
    rules: tuple[Path, ...] = ()
    keys: tuple[Key, ...] = ()
    waivers: WaiverPolicy = field(default_factory=WaiverPolicy)
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)

    def rulebook(self) -> tuple[Rule, ...]:
        """Return all rules, the own ones included, each with the severity it has here.

        Raises RulebookError, and ConfigurationError for a rule that does not exist.
        """
        rules = load_rules(self.rules)
        severities = {_rule_named(rules, name).id: severity for name, severity in self.severities}
        for name in (*self.select, *self.ignore):
            _rule_named(rules, name)
        return tuple(replace(rule, severity=severities.get(rule.id, rule.severity)) for rule in rules)

    def options(
        self, rulebook: Sequence[Rule] | None = None, *, select: Sequence[str] = (), ignore: Sequence[str] = (), today: date | None = None
    ) -> Options:
        """Return what the linter is to do. ``select`` and ``ignore``, ids or names of rules, go before what the file says.

        Raises what ``rulebook`` raises.
        """
        from ctkms_policy.cases import Deployment
        from ctkms_policy.linter import Options

        rulebook = tuple(self.rulebook() if rulebook is None else rulebook)
        chosen = _names(select or [each.text for each in self.select])
        left_out = _names(ignore or ([] if select else [each.text for each in self.ignore]))
        return Options(
            rules=tuple(rule for rule in rulebook if (not chosen or _is_among(rule, chosen)) and not _is_among(rule, left_out)),
            exclude=self.exclude,
            deployment=Deployment(self.bindings, self.facts, self.strict),
            rulebook=rulebook,
            known_keys=self.keys,
            waivers=self.waivers,
            sources=self.sources,
            today=today or utc_today(),
        )


def _names(names: Sequence[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _is_among(rule: Rule, names: frozenset[str]) -> bool:
    return rule.id.lower() in names or rule.name in names


def _rule_named(rules: Sequence[Rule], name: Written) -> Rule:
    found = next((rule for rule in rules if _is_among(rule, _names([name.text]))), None)
    if found is None:
        near = did_you_mean(name.text, [*(rule.id for rule in rules), *(rule.name for rule in rules)])
        help = near if near.startswith("did you mean") else '"ctkms-policy rules" lists all rules'
        raise ConfigurationError(f'there is no rule "{name.text}"', name.span, help)
    return found


def bindings_of(account: str = "", region: str = "", provider: str = "") -> dict[str, str]:
    """Return the ambient symbols that an account and a Region bind, of the default provider or of one with an alias."""
    bindings = {}
    if account:
        bindings[ambient_account(provider).name] = account
    if region:
        bindings[ambient_region(provider).name] = region
        partition = partition_of(Known(region))
        if isinstance(partition, Known):
            # One configuration is deployed to one partition: its credentials hold in no other.
            bindings[ambient_partition().name] = str(partition.value)
    return bindings


# -- the file ----------------------------------------------------------------------------------------------------------


def find_config(working_directory: Path) -> Path | None:
    """Return the nearest configuration file at or above the directory, up to the repository root; None where there is none.

    Outside a repository only the directory itself is looked at. A link that leaves the repository is not followed.
    """
    directory = working_directory.resolve()
    root = repository_root(directory, directory)
    for each in (directory, *directory.parents):
        file = each / FILE_NAME
        if file.is_file() and file.resolve().is_relative_to(root):
            return file
        if each == root:
            break
    return None


def load_config(file: Path, working_directory: Path) -> Config:
    """Return what a configuration file says. Raises ConfigurationError, with file, line and column, for the first thing that is wrong."""
    try:
        return _Reader(file, working_directory).read()
    except ParseError as error:
        raise ConfigurationError(error.message, error.span, error.help) from None


def config_in(working_directory: Path) -> Config:
    """Return the configuration that holds in a directory. Raises what ``load_config`` raises."""
    file = find_config(working_directory)
    return Config() if file is None else load_config(file, working_directory)


class _Reader:
    """Reads one file. Paths in it start at its own directory and may not leave the repository."""

    def __init__(self, file: Path, working_directory: Path) -> None:
        self._working_directory = working_directory.resolve()
        self._directory = file.resolve().parent
        self._root = repository_root(self._directory, self._working_directory)
        self._source = read_source(file, self._show(file))
        self._sources = {self._source.path: self._source}

    def read(self) -> Config:
        path = self._source.path
        if all(not line.strip() or line.lstrip().startswith("#") for line in self._source.text.splitlines()):
            return Config(path=path, sources=self._sources)
        given = read_yaml(self._source).fields(required=(), optional=_KEYS)
        return Config(
            path=path,
            bindings=self._bindings(given),
            facts=_facts(given),
            select=_rule_names(given.get("select")),
            ignore=_rule_names(given.get("ignore")),
            severities=_severities(given.get("severities")),
            exclude=tuple(self._pattern(each) for each in _list(given.get("exclude"))),
            fail_on=given["fail_on"].choice(FAIL_ON) if "fail_on" in given else "warning",
            strict=given["strict"].boolean() if "strict" in given else False,
            rules=tuple(self._rules_directory(each) for each in _list(given.get("rules"))),
            keys=tuple(self._keys(given["keys"])) if "keys" in given else (),
            waivers=self._waivers(given["waivers"]) if "waivers" in given else WaiverPolicy(),
            sources=self._sources,
        )

    def _show(self, file: Path) -> str:
        return os.path.relpath(file, self._working_directory).replace(os.sep, "/")

    def _bindings(self, given: Mapping[str, Item]) -> dict[str, str]:
        bindings = bindings_of(_account(given.get("account")), _region(given.get("region")))
        if "providers" in given:
            for name, value in given["providers"].entries("the name of a provider configuration"):
                if name.text() == "aws":
                    raise name.error('cannot be "aws"', 'the default provider configuration has "account" and "region" at the top')
                provider = name.text_like(PROVIDER, "aws.ALIAS")
                place = value.fields(required=(), optional=("account", "region"))
                bindings.update(bindings_of(_account(place.get("account")), _region(place.get("region")), provider))
        return bindings

    def _pattern(self, item: Item) -> str:
        """Return a pattern that is relative to the file's directory as one that is relative to the working directory."""
        pattern = item.text()
        if "/" not in pattern.rstrip("/"):
            return pattern
        if pattern.startswith("/"):
            raise item.error("must not begin with /", "write it relative to the configuration file")
        return self._show(self._directory / pattern)

    def _inside(self, item: Item) -> Path:
        """Return the path an item names. Raises ParseError when it leaves the repository."""
        path = self._directory / item.text()
        if not real_path(path).is_relative_to(self._root):
            raise item.error("lies outside the repository", "move it into the repository: nothing outside of it is read")
        return path

    def _rules_directory(self, item: Item) -> Path:
        path = self._inside(item)
        if not os.path.isdir(path):
            raise item.error(f'is no directory: "{item.text()}"', "name the directory that holds the rule files")
        return Path(self._show(path))

    def _keys(self, item: Item) -> list[Key]:
        keys = []
        for arn, value in item.entries("the ARN of a key"):
            text = arn.text_like(KEY_ARN, "the ARN of a key or alias: arn:aws:kms:REGION:ACCOUNT:key/ID")
            policy = value.fields(required=("policy",))["policy"]
            file = self._inside(policy)
            try:
                source = read_source(file, self._show(file))
            except ParseError as error:
                raise policy.error(f'cannot be read: "{policy.text()}": {error.message}') from None
            self._sources[source.path] = source
            keys.append(read_known_key(text, arn.span, source))
        return keys

    def _waivers(self, item: Item) -> WaiverPolicy:
        given = item.fields(required=(), optional=("inline", "max_days", "warn_days", "entries"))
        return WaiverPolicy(
            inline=given["inline"].boolean() if "inline" in given else True,
            max_days=given["max_days"].whole_number(1, MOST_DAYS) if "max_days" in given else None,
            warn_days=given["warn_days"].whole_number(0, MOST_DAYS) if "warn_days" in given else 0,
            entries=tuple(self._waiver(each) for each in _list(given.get("entries"))),
        )

    def _waiver(self, item: Item) -> WrittenWaiver:
        """Return one entry. Owner, reason and expiry date may be missing: that is a finding."""
        given = item.fields(required=("rules", "resource"), optional=("path", "owner", "reason", "expires"))
        path = given["path"].text() if "path" in given else ""
        if path.startswith("/"):
            raise given["path"].error("must not begin with /", "write it relative to the configuration file")
        expires = given.get("expires")
        return WrittenWaiver(
            item.span,
            _rule_names(given["rules"]),
            _written(given.get("owner")),
            _written(given.get("reason")),
            Written(expires.text_or_date(), expires.span) if expires is not None else None,
            resource=given["resource"].text(),
            path=os.path.relpath(self._directory / path, self._root).replace(os.sep, "/") if path else "",
        )


def _list(item: Item | None) -> tuple[Item, ...]:
    return item.items() if item is not None else ()


def _written(item: Item | None) -> Written | None:
    return Written(item.text(), item.span) if item is not None else None


def _rule_names(item: Item | None) -> tuple[Written, ...]:
    return tuple(Written(each.text(), each.span) for each in _list(item))


def _severities(item: Item | None) -> tuple[tuple[Written, Severity], ...]:
    if item is None:
        return ()
    words = [severity.value for severity in Severity]
    return tuple((Written(name.text(), name.span), Severity(value.choice(words))) for name, value in item.entries("a rule"))


def _account(item: Item | None) -> str:
    return item.text_like(ACCOUNT_ID, "an account id of 12 digits") if item is not None else ""


def _region(item: Item | None) -> str:
    return item.text_like(REGION, "a Region such as us-east-1") if item is not None else ""


def _facts(given: Mapping[str, Item]) -> OrganizationFacts:
    organization = given.get("organization_id")
    return OrganizationFacts(
        _account(given.get("management_account")),
        organization.text_like(ORGANIZATION_ID, "an organization id such as o-a1b2c3d4e5") if organization is not None else "",
        tuple(each.text_like(READER, "an account id or the ARN of a principal") for each in _list(given.get("allowed_readers"))),
    )
