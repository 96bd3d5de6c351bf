"""policy.yaml: reading, checking and editing it."""
