"""How long the evaluator takes for all requests of a trail against the policy that CloudTrail's console writes.

Run it from the root of the repository: ``python -m benchmarks.evaluator``. It prints microseconds: deciding requests that are
already built, a whole judgement (requests, readers, assumptions), and the slowest places with ``--profile``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from time import perf_counter

from ctkms_policy.iam.evaluate import decide
from ctkms_policy.iam.judge import judge_trail
from ctkms_policy.iam.policy import read_key_policy
from ctkms_policy.iam.readers import reader_requests
from ctkms_policy.iam.request import OrganizationFacts, Question, key_facts, service_request, trail_facts
from ctkms_policy.model import Attribute, Key, KeyKind, KeyPolicy, Place, PolicyForm, Trail, ambient_place
from ctkms_policy.source import Span
from ctkms_policy.value import Known, Reference, Unknown

ACCOUNT = "111122223333"
EC = "kms:EncryptionContext:aws:cloudtrail:arn"
HERE = Span.at("main.tf")
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
READERS = {
    "Effect": "Allow",
    "Principal": {"AWS": "*"},
    "Action": ["kms:Decrypt", "kms:ReEncryptFrom"],
    "Resource": "*",
    "Condition": {"StringEquals": {"kms:CallerAccount": ACCOUNT}, "StringLike": {EC: f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}},
}
CONSOLE_DEFAULT = [
    {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:user/creator"]},
        "Action": "kms:*",
        "Resource": "*",
    },
    {
        "Effect": "Allow",
        "Principal": CLOUDTRAIL,
        "Action": "kms:GenerateDataKey*",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"},
            "StringLike": {EC: f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"},
        },
    },
    {"Effect": "Allow", "Principal": CLOUDTRAIL, "Action": "kms:DescribeKey", "Resource": "*"},
    READERS,
    READERS,
]


def microseconds(function: Callable[[], object], rounds: int = 300) -> float:
    """Return the best time of one call, after one that fills the caches."""
    function()
    best = float("inf")
    for _ in range(rounds):
        start = perf_counter()
        function()
        best = min(best, perf_counter() - start)
    return best * 1e6


def main() -> int:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="also print where a judgement spends its time")
    arguments = parser.parse_args()
    text = json.dumps({"Version": "2012-10-17", "Statement": CONSOLE_DEFAULT})
    policy = read_key_policy(Known(text), PolicyForm.JSON_TEXT, HERE)
    assert isinstance(policy, KeyPolicy)
    print(f"reading the policy            {microseconds(lambda: read_key_policy(Known(text), PolicyForm.JSON_TEXT, HERE)):8.0f} us")
    for name, place in (("known place", Place(Known(ACCOUNT), Known("us-east-1"), Known("aws"))), ("ambient place", ambient_place())):
        measure(policy, name, place)
    if arguments.profile:
        profile(policy)
    return 0


def key_and_trail(place: Place) -> tuple[Key, Trail]:
    """Return a key and a trail of a place."""
    key = Key("aws_kms_key.logs", HERE, place, kind=KeyKind.KEY, policy=Unknown(""))
    return key, Trail("aws_cloudtrail.main", HERE, place, name=Known("main"), kms_key_id=Attribute(Reference("aws_kms_key.logs", "arn")))


def measure(policy: KeyPolicy, name: str, place: Place) -> None:
    """Print the times for one place."""
    key, trail = key_and_trail(place)
    log, facts = trail_facts(trail, OrganizationFacts()), key_facts(key)
    requests = [service_request(question, log, facts) for question in (Question.DESCRIBE, Question.ENCRYPT, Question.SERVICE_DECRYPT)]
    requests += reader_requests(policy, log, facts, OrganizationFacts())[:1]
    print(f"deciding 4 requests, {name:13}{microseconds(lambda: [decide(policy, request) for request in requests]):5.0f} us")
    print(f"whole judgement, {name:13}    {microseconds(lambda: judge_trail(policy, key, trail)):5.0f} us")


def profile(policy: KeyPolicy) -> None:
    """Print where judgements without a known place spend their time."""
    import cProfile
    import pstats

    key, trail = key_and_trail(ambient_place())
    profiler = cProfile.Profile()
    profiler.runcall(lambda: [judge_trail(policy, key, trail) for _ in range(100)])
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())
