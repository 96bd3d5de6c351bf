#!/usr/bin/env bash
# Reads from Azure which host names the hosting has, and how far Azure is with each. Run it in a pipeline that is signed in. It
# writes hosts.json, for `python -m mtasts hosts` and for --verification, and changes nothing in Azure.
set -euo pipefail
pages=$(python -m mtasts hosts)
: > hosts.json
while read -r page; do
  while [ -n "$page" ]; do # `az rest` returns one page of a list at a time
    code=0
    az rest --method get --url "$page" --output json > page.json 2> refusal.txt < /dev/null || code=$?
    cat refusal.txt >&2
    if [ "$code" != 0 ]; then
      python -m mtasts.hosting.refusals refusal.txt last || true
      exit 1
    fi
    cat page.json >> hosts.json
    page=$(python -c 'import json; print(json.load(open("page.json")).get("nextLink") or "")')
  done
done <<< "$pages"
