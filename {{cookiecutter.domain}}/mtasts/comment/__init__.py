"""The one comment on a pull request, on GitHub and on Azure DevOps: written once, and edited in place from then on."""
