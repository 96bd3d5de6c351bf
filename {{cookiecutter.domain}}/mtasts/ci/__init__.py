"""What is specific to GitHub and Azure DevOps."""
