"""This repository's own guarantee: the Function serves each domain's policy, and nothing to a stranger."""

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
    """function/function_app.py with the policies of policy.yaml, behind the stand-in for the Functions host."""

    def setUp(self) -> None:
        self.config, _ = load(ROOT / "policy.yaml")
        assert self.config
        with tempfile.TemporaryDirectory() as folder:
            write_files(Path(folder), HOSTING.function_files(self.config, ROOT / "function"))
            host = FunctionsHost(Path(folder), "localhost:7071")
        self.client = Client(Request.application(host))

    def test_each_domain_gets_its_policy(self) -> None:
        """The bytes are the rendered policy, as text/plain, under every domain's own host."""
        assert self.config
        for domain in self.config.domains:
            with self.client.get(POLICY, base_url=f"https://mta-sts.{domain.name}") as answer:
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(answer.mimetype, "text/plain")
                self.assertEqual(answer.data, domain.policy.render().encode())

    def test_an_unknown_host_gets_nothing(self) -> None:
        """A host that policy.yaml does not name is told 404."""
        with self.client.get(POLICY, base_url="https://mta-sts.unknown.invalid") as answer:
            self.assertEqual(answer.status_code, 404)
