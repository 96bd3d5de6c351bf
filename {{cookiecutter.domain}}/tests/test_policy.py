"""This repository's own guarantee: the policy lints, and its records and policies agree."""

import unittest
from pathlib import Path

from mtasts.config.model import load
from mtasts.dns.records import records
from mtasts.findings import has_errors
from mtasts.sts.policy import Policy
from mtasts.sts.record import StsRecord, policy_id

ROOT = Path(__file__).parent.parent


class PolicyTest(unittest.TestCase):
    """policy.yaml, as it stands here."""

    def setUp(self) -> None:
        self.config, self.findings = load(ROOT / "policy.yaml")

    def test_lints(self) -> None:
        """There is no finding of severity error."""
        errors = [finding.message for finding in self.findings if has_errors([finding])]
        self.assertEqual(errors, [])

    def test_every_policy_reads_back(self) -> None:
        """What senders get is what policy.yaml says."""
        assert self.config
        for domain in self.config.domains:
            self.assertEqual(Policy.parse(domain.policy.render()), domain.policy)

    def test_the_announced_id_is_the_policy(self) -> None:
        """The TXT record of each domain carries the id of its policy."""
        assert self.config
        values = {record.name: record.value for record in records(self.config)}
        for domain in self.config.domains:
            announced = StsRecord.parse(values[f"_mta-sts.{domain.name}."])
            self.assertEqual(announced.id, policy_id(domain.policy))
