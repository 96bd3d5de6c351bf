"""policy.yaml: read, judged, edited."""
