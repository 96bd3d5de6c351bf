"""A stand-in for `az storage blob upload-batch`: it knows the words that the pipelines use, and no other.

It uploads as az does: every file below the source, hidden ones too, with the content type of its name. Azurite knows
no Microsoft account, so the upload signs with the emulator's key, which Microsoft publishes, in place of `login`.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
from pathlib import Path

from azure.storage.blob import ContainerClient, ContentSettings

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def container(endpoint: str, account: str, name: str) -> ContainerClient:
    """Return a container of an account in Azurite."""
    return ContainerClient(f"{endpoint}/{account}", name, credential={"account_name": account, "account_key": KEY})


def arguments() -> argparse.Namespace:
    """Return the words of the command line. Others are an error, and so is one that is missing."""
    parser = argparse.ArgumentParser(prog="az", allow_abbrev=False)
    for index, word in enumerate(("storage", "blob", "upload-batch")):
        parser.add_argument(f"word{index}", choices=[word])
    parser.add_argument("--auth-mode", choices=["login"], required=True)
    for option in ("--account-name", "--source", "--destination"):
        parser.add_argument(option, required=True)
    parser.add_argument("--content-cache-control")
    for option in ("--overwrite", "--no-progress"):
        parser.add_argument(option, action="store_true")
    return parser.parse_args()


def upload(given: argparse.Namespace) -> None:
    """Upload what is below the source."""
    target = container(os.environ["AZURITE"], given.account_name, given.destination)
    for folder, _, names in os.walk(given.source):
        for path in (Path(folder, name) for name in names):
            settings = ContentSettings(mimetypes.guess_type(path.name)[0], cache_control=given.content_cache_control)
            name = path.relative_to(given.source).as_posix()
            target.upload_blob(name, path.read_bytes(), overwrite=given.overwrite, content_settings=settings)


if __name__ == "__main__":
    upload(arguments())
