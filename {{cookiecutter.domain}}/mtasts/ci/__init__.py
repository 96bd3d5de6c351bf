"""What is particular to GitHub and Azure DevOps."""
