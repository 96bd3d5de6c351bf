"""The git history of policy.yaml: what was in force, and what senders may still hold."""
