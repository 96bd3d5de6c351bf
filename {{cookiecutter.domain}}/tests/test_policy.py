"""policy.yaml has no errors, and its DNS records fit its policies."""

import unittest
from pathlib import Path

from mtasts.config.model import load
from mtasts.dns.records import records
from mtasts.findings import has_errors
from mtasts.sts.policy import Policy
from mtasts.sts.record import StsRecord, policy_id

ROOT = Path(__file__).parent.parent


class PolicyTest(unittest.TestCase):
    """policy.yaml in this repository."""

    def setUp(self) -> None:
        self.config, self.findings = load(ROOT / "policy.yaml")

    def test_lint_finds_no_error(self) -> None:
        """Warnings are allowed."""
        errors = [finding.message for finding in self.findings if has_errors([finding])]
        self.assertEqual(errors, [])

    def test_senders_read_what_policy_yaml_says(self) -> None:
        """The text of each policy parses back to the same policy."""
        assert self.config
        for domain in self.config.domains:
            self.assertEqual(Policy.parse(domain.policy.render()), domain.policy)

    def test_the_id_in_dns_is_that_of_the_policy(self) -> None:
        """The _mta-sts record of each domain has the id of its policy."""
        assert self.config
        values = {record.name: record.value for record in records(self.config)}
        for domain in self.config.domains:
            announced = StsRecord.parse(values[f"_mta-sts.{domain.name}."])
            self.assertEqual(announced.id, policy_id(domain.policy))
