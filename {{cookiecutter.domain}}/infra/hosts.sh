#!/usr/bin/env bash
# Reads, in a pipeline that is signed in to Azure, which host names the hosting has there, and how far Azure is with each:
# hosts.json, for `python -m mtasts hosts` and for --verification. It changes nothing.
set -euo pipefail
page=$(python -m mtasts hosts)
: > hosts.json
# `az rest` gives one page at a time.
while [ -n "$page" ]; do
  code=0
  az rest --method get --url "$page" --output json > page.json 2> refusal.txt || code=$?
  cat refusal.txt >&2
  if [ "$code" != 0 ]; then
    python -m mtasts.hosting.refusals refusal.txt || true
    exit 1
  fi
  cat page.json >> hosts.json
  page=$(python -c 'import json; print(json.load(open("page.json")).get("nextLink") or "")')
done
