"""What the key policy answers to the requests of a trail."""

from __future__ import annotations

from collections.abc import Iterator

from ctkms_policy.cases import StoreCase, TrailCase
from ctkms_policy.checks.form import KeyForm, kms_key_forms
from ctkms_policy.checks.words import finding, joined, judged_policy, title, use_of_key, way
from ctkms_policy.finding import Finding, Related
from ctkms_policy.iam.evaluate import Decision, Outcome
from ctkms_policy.iam.explain import explain
from ctkms_policy.iam.readers import of_another_account
from ctkms_policy.iam.request import Question
from ctkms_policy.iam.statements import missing_statement, missing_store_statement
from ctkms_policy.key_link import KeyState
from ctkms_policy.model import Language, UnreadablePolicy
from ctkms_policy.rulebook import Rule
from ctkms_policy.value import Failure, Match, Unknown, default_of

_LETS = {
    Question.DESCRIBE: "let CloudTrail describe the key of",
    Question.ENCRYPT: "let CloudTrail encrypt the logs of",
    Question.DECRYPT: "let anybody decrypt the logs of",
}


def _when_key(case: TrailCase) -> str:
    return f" (when {case.link.key_when})" if case.link.key_when else ""


def _policy_finding(
    case: TrailCase, rule: Rule, question: Question, decision: Decision, message: str, *, undetermined: bool = False
) -> Finding:
    """Return a finding about what the key policy answers, explained by the statement that comes nearest."""
    assert case.judgement is not None
    key, policy = judged_policy(case)
    language = case.configuration.language
    why = explain(policy, decision, key=key, trail=case.trail, judgement=case.judgement, language=language)
    fix = None if undetermined else missing_statement(question, case.trail, key, policy, language)
    related = (*(Related(span, note) for span, note in why.related), *use_of_key(case))
    about_key = key.note if key.note != case.trail.note else ""
    return finding(
        rule,
        case.trail,
        f"{message}{_when_key(case)}: {why.message}",
        why.span or policy.span or key.span,
        undetermined=undetermined,
        label=why.label,
        help=joined(why.help, about_key),
        related=related,
        fix=fix,
        stable=f"{key.address}\0{why.mistake.value if why.mistake else ''}",
    )


def service_request(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS003 and CTKMS004: the key policy does not allow CloudTrail's call for this trail."""
    if case.judgement is None:
        return
    question = Question(rule.parameters["question"])
    decision = {Question.DESCRIBE: case.judgement.describe, Question.ENCRYPT: case.judgement.encrypt}[question]
    if decision.outcome.is_denied:
        yield _policy_finding(case, rule, question, decision, f"key policy does not {_LETS[question]} {title(case.trail)}")
    elif decision.outcome is Outcome.UNDETERMINED:
        message = (
            f"cannot tell whether the key policy lets CloudTrail {_LETS[question].removeprefix('let CloudTrail ')} {title(case.trail)}"
        )
        yield _policy_finding(case, rule, question, decision, message, undetermined=True)


_STORE_CALLS = {Question.ENCRYPT: "encrypt", Question.SERVICE_DECRYPT: "decrypt"}


def store_request(case: StoreCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS004 for an event data store: CloudTrail encrypts with its key and decrypts, without the context of a trail (A17)."""
    if case.judgement is None or Question(rule.parameters["question"]) is not Question.ENCRYPT:
        return
    store, (key, policy), language = case.store, judged_policy(case), case.configuration.language
    decisions = {Question.ENCRYPT: case.judgement.encrypt, Question.SERVICE_DECRYPT: case.judgement.service_decrypt}
    wrong = [question for question, decision in decisions.items() if decision.outcome.is_denied] or [
        question for question, decision in decisions.items() if decision.outcome is Outcome.UNDETERMINED
    ]
    if not wrong:
        return
    decision = decisions[wrong[0]]
    denied = decision.outcome.is_denied
    calls = f"{' and '.join(_STORE_CALLS[each] for each in wrong)} the events of {title(store)}"
    why = explain(policy, decision, key=key, judgement=case.judgement, language=language)
    by_deny = decision.outcome is Outcome.EXPLICITLY_DENIED
    yield finding(
        rule,
        store,
        f"{'key policy does not let' if denied else 'cannot tell whether the key policy lets'} CloudTrail {calls}: {why.message}",
        why.span or policy.span or key.span,
        undetermined=not denied,
        label=why.label,
        help=why.help if by_deny else _STORE_HELP,
        related=(*(Related(span, note) for span, note in why.related), *use_of_key(case)),
        fix=missing_store_statement(store, key, policy, language) if denied else None,
        stable=f"{key.address}\0{why.mistake.value if why.mistake else ''}",
    )


_STORE_HELP = (
    'add a statement without conditions that allows "cloudtrail.amazonaws.com" kms:GenerateDataKey and kms:Decrypt: a key policy for an '
    'event data store cannot use "aws:SourceArn" or a trail\'s encryption context'
)


def no_reader(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS005: nobody may decrypt the logs."""
    if case.judgement is None:
        return
    decision = case.judgement.decrypt
    if decision.outcome.is_denied:
        yield _policy_finding(case, rule, Question.DECRYPT, decision, f"key policy does not {_LETS[Question.DECRYPT]} {title(case.trail)}")
    elif decision.outcome is Outcome.UNDETERMINED and not decision.delegating:
        message = f"cannot tell whether the key policy lets anybody decrypt the logs of {title(case.trail)}"
        yield _policy_finding(case, rule, Question.DECRYPT, decision, message, undetermined=True)


def decrypt_only_delegated(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS016: no statement grants a reader kms:Decrypt; only IAM policies of the key's own account could."""
    if case.judgement is None:
        return
    decision = case.judgement.decrypt
    if decision.outcome is Outcome.DELEGATED and of_another_account(decision.request) is not Match.YES:
        # A grant to another account's root is the documented third statement.
        message = f"no statement of the key policy lets a reader decrypt the logs of {title(case.trail)}"
        yield _policy_finding(case, rule, Question.DECRYPT, decision, message)
    elif decision.outcome is Outcome.UNDETERMINED and decision.delegating:
        message = f"cannot tell whether a statement of the key policy itself lets a reader decrypt the logs of {title(case.trail)}"
        yield _policy_finding(case, rule, Question.DECRYPT, decision, message, undetermined=True)


def policy_not_visible(case: TrailCase, rule: Rule) -> Iterator[Finding]:
    """CTKMS015: there is or may be a key, and its policy is not in the scanned code."""
    trail, link = case.trail, case.link
    if case.judgement is not None or link.state in (KeyState.NONE, KeyState.AWS_MANAGED):
        return
    if list(kms_key_forms(case.configuration, trail)) == [KeyForm.OTHER] or _is_told_already(case):
        return  # the value names no key at all, or CTKMS000 says what is wrong
    span = trail.kms_key_id.span or trail.span
    reason, related, way_out = link.reason, way(trail.kms_key_id.value, span), _how_to_see_policy(case)
    if link.key is not None:
        if isinstance(link.key.policy, UnreadablePolicy):
            return
        assert isinstance(link.key.policy, Unknown)
        reason = f'the policy of "{link.key.address}" is not known: {link.key.policy.reason}'
        related = (*related, Related(link.key.policy.origin.span or link.key.span, "its policy"))
        both = "both set the policy" in link.key.policy.reason
        way_out = "leave one policy for the key" if both else "give the policy a value that the code tells"
    yield finding(
        rule,
        trail,
        f"the key policy for {title(trail)} could not be checked: {reason}",
        span,
        undetermined=True,
        label=reason,
        help=way_out,
        related=related,
    )


def _is_told_already(case: TrailCase) -> bool:
    """Whether CTKMS000 says why the policy is not to be seen."""
    written = case.trail.kms_key_id.span
    if written is not None and any(written.holds(refusal.span) for refusal in case.trail.refusals):
        return True
    key = case.link.key
    reason = key.policy.reason if key is not None and isinstance(key.policy, Unknown) else case.link.reason
    refusals = (*case.trail.refusals, *(key.refusals if key is not None else ()))
    told = {*(each.message for each in case.configuration.problems), *(each.message for each in refusals)}
    return reason.endswith("is not declared in what can be read") or reason in told


def _how_to_see_policy(case: TrailCase) -> str:
    if case.link.others:
        return "give the inputs that decide a value, or let the policies of both keys give the same answers"
    if case.link.state is KeyState.DEPENDS:
        inputs = "a tfvars file, or a caller in the scan" if case.configuration.language is Language.TERRAFORM else "a default"
        return f"give the input a value ({inputs}), or scan the code that makes the key together with the trail"
    if "not installed" in case.link.reason:
        return "run terraform init, so that the module can be read"
    if case.link.reason.endswith("is not declared"):
        return "declare it, or correct the name"
    if isinstance(default_of(case.trail.kms_key_id.value), Failure):
        return "correct the value: terraform rejects it"
    if case.link.state is KeyState.UNDETERMINED:
        return "write the value so that it can be known without a deployment"
    return "scan the code that makes the key together with the trail"
