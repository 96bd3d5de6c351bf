"""Which system a pipeline runs on, and the comment on its pull request."""

from __future__ import annotations

from collections.abc import Mapping

from mtasts.ci.api import SECONDS
from mtasts.ci.comment import keep
from mtasts.ci.variables import Variables
from mtasts.findings import WrongUseError, quote
from mtasts.findings.forms import format_for

_NO_PIPELINE = (
    "Neither GITHUB_ACTIONS nor TF_BUILD is set, so this is no pipeline. A comment is kept by a pipeline "
    "on GitHub or Azure DevOps that runs for a pull request."
)


def comment(environment: Mapping[str, str], text: str, seconds: float = SECONDS) -> str:
    """Keep a text as the comment on the pull request that the environment is of; return what was done.

    Raises WrongUseError and ApiError.
    """
    variables = Variables(environment)
    ci = format_for(environment)
    if ci == "github":
        from mtasts.ci.github import GitHub  # here and below, since a repository has that of its own system alone

        return keep(GitHub(variables, seconds), text)
    if ci != "azure-devops":
        raise WrongUseError(_NO_PIPELINE)
    provider = variables.get("BUILD_REPOSITORY_PROVIDER")
    if provider not in ("TfsGit", ""):
        return (
            f"There is no comment: the repository is of the kind {quote(provider)}, and Azure DevOps has "
            "threads for pull requests in Azure Repos alone. The text is on the run's summary page."
        )
    from mtasts.ci.azure_devops import AzureDevOps

    return keep(AzureDevOps(variables, seconds), text)
