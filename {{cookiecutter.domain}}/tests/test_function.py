"""The Function serves the policy of each domain, and nothing under any other host name."""

import tempfile
import unittest
from pathlib import Path

from werkzeug.test import Client
from werkzeug.wrappers import Request

from mtasts.config.model import load
from mtasts.hosting.build import write_files
from mtasts.hosting.function import HOSTING
from mtasts.hosting.functions_host import FunctionsHost

ROOT = Path(__file__).parent.parent
POLICY = "/.well-known/mta-sts.txt"


class FunctionTest(unittest.TestCase):
    """function/function_app.py, with the policies of policy.yaml, in the toolkit's imitation of the Functions host."""

    def setUp(self) -> None:
        self.config, _ = load(ROOT / "policy.yaml")
        assert self.config
        with tempfile.TemporaryDirectory() as folder:
            write_files(Path(folder), HOSTING.function_files(self.config, ROOT / "function"))
            host = FunctionsHost(Path(folder), "localhost:7071")
        self.client = Client(Request.application(host))

    def test_each_domain_gets_its_policy(self) -> None:
        """Each policy host answers with the policy of its domain, as text/plain."""
        assert self.config
        for domain in self.config.domains:
            with self.client.get(POLICY, base_url=f"https://mta-sts.{domain.name}") as answer:
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(answer.mimetype, "text/plain")
                self.assertEqual(answer.data, domain.policy.render().encode())

    def test_an_unknown_host_gets_404(self) -> None:
        """policy.yaml does not name this host."""
        with self.client.get(POLICY, base_url="https://mta-sts.unknown.invalid") as answer:
            self.assertEqual(answer.status_code, 404)
