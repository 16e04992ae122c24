"""How the file would write what the code leaves open: account, Region and partition, as a symbol's own name never stands in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ctkms_policy.iam.binding import Hole, bound_policy, bound_text, holes_of
from ctkms_policy.iam.context import Context, ContextValue, FromNow, Present, ServiceAddress
from ctkms_policy.iam.evaluate import Decision, StatementAnswer
from ctkms_policy.iam.request import Request
from ctkms_policy.model import Key, KeyPolicy, Language, Place
from ctkms_policy.value import Literal, Reference, Symbol, SymbolKind, Text, Unknown, text_parts

_CONVENTIONAL = {
    Language.TERRAFORM: {
        "account": "data.aws_caller_identity.{}.account_id",
        "region": "data.aws_region.{}.name",
        "partition": "data.aws_partition.{}.partition",
    },
    Language.CLOUDFORMATION: {"account": "AWS::AccountId", "region": "AWS::Region", "partition": "AWS::Partition"},
}
_REFERENCE = re.compile(r"AWS::\w+|[\w-]+(\.[\w\[\]\".-]+)+")
_DATA_SOURCE = re.compile(r"data\.(aws_\w+)\.([\w-]+)\.\w+")
_WORDS = {"account": "account id", "region": "Region", "partition": "partition"}


@dataclass(frozen=True)
class Spelling:
    """The spellings of a key policy's file.

    ``written`` holds what the policy itself, or the normalizer for the place of its key, writes for a symbol, by its name.
    """

    language: Language | None = None
    written: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: KeyPolicy, key: Key | None = None, language: Language | None = None) -> Spelling:
        """Return the spellings for a policy, of ``key`` where that is known."""
        places = _holes_of_place(key.place) if key is not None else ()
        symbols = [*places, *(hole for hole in holes_of(policy) if isinstance(hole, Symbol))]
        return cls(language, {symbol.name: symbol.spelling for symbol in symbols if symbol.spelling})

    def of_symbol(self, symbol: Symbol) -> str:
        """Return what stands between ``${`` and ``}`` in the file: the policy's own word before any other."""
        found = self.written.get(symbol.name) or symbol.spelling
        kind, bracket, provider = symbol.name.partition("[")
        if found or symbol.kind is not SymbolKind.AMBIENT or kind not in _WORDS:
            return found or symbol.name
        if self.language is None:
            return _WORDS[kind]
        name = re.sub(r"\W", "_", provider.rstrip("]").rpartition(".")[2]) if bracket else ""
        return _CONVENTIONAL[self.language][kind].format(name or "current")

    def text(self, value: Text) -> str:
        """Return a text as the file would write it inside quotes; ``*`` stands for what is made up or not known."""
        pieces = []
        for part in text_parts(value):
            if isinstance(part, Literal):
                pieces.append(part.text)
            elif isinstance(part, Unknown) or (isinstance(part, Symbol) and not _may_be_written(part)):
                pieces.append("*")
            else:
                pieces.append("${" + (self.of_symbol(part) if isinstance(part, Symbol) else f"{part.address}.{part.attribute}") + "}")
        return "".join(pieces)

    def with_needs(self, help: str) -> str:
        """Return a help with the data sources that its texts read and that neither the policy nor its key does: they may be missing."""
        read = {
            found[0]: f'data "{found[1]}" "{found[2]}"' for found in _DATA_SOURCE.finditer(help) if found[0] not in self.written.values()
        }
        needed = " and ".join(dict.fromkeys(read.values()))
        return f"{help} (this takes {needed})" if needed else help

    def decision(self, decision: Decision) -> Decision:
        """Return the decision with its symbols spelled so. A spelling is no part of what a symbol is: the answers stay the same."""
        holes = {*holes_of(decision.answers[0].policy)} if decision.answers else set()
        holes.update(_holes_of_request(decision.request))
        binding: dict[Hole, Text] = {hole: replace(hole, spelling=self.of_symbol(hole)) for hole in holes if isinstance(hole, Symbol)}
        request = _spelled_request(decision.request, binding)
        policies = {id(answer.policy): bound_policy(answer.policy, binding) for answer in decision.answers}

        def spelled(answer: StatementAnswer) -> StatementAnswer:
            policy = policies.get(id(answer.policy), answer.policy)
            return StatementAnswer(policy, request, answer.number, answer.applies, answer.delegates)

        return replace(
            decision, request=request, deciding=tuple(map(spelled, decision.deciding)), answers=tuple(map(spelled, decision.answers))
        )


def _may_be_written(symbol: Symbol) -> bool:
    """Whether a file can refer to it: to ``AWS::StackName`` or ``random_id.suffix.hex``, not to a suffix that is made up."""
    return symbol.kind is not SymbolKind.GENERATED or _REFERENCE.fullmatch(symbol.spelling) is not None


def _spelled_request(request: Request, binding: dict[Hole, Text]) -> Request:
    def spelled(value: ContextValue) -> ContextValue:
        if not isinstance(value, Present):
            return value
        values = tuple(each if isinstance(each, (FromNow, ServiceAddress)) else bound_text(each, binding) for each in value.values)
        return replace(value, values=values)

    context = Context({name: spelled(value) for name, value in request.context.keys.items()}, request.context.families)
    caller = replace(request.caller, name=bound_text(request.caller.name, binding), account=bound_text(request.caller.account, binding))
    return replace(request, caller=caller, resource=bound_text(request.resource, binding), context=context)


def _holes_of_request(request: Request) -> Iterator[Hole]:
    texts = [request.resource, request.caller.name, request.caller.account]
    for value in request.context.keys.values():
        if isinstance(value, Present):
            texts += [each for each in value.values if not isinstance(each, (FromNow, ServiceAddress))]
    return (part for text in texts for part in text_parts(text) if isinstance(part, (Symbol, Reference)))


def _holes_of_place(place: Place) -> list[Symbol]:
    return [value for value in (place.account, place.region, place.partition) if isinstance(value, Symbol)]
