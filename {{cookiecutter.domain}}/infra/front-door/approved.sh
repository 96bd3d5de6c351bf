#!/usr/bin/env bash
# Waits, in a pipeline, until Front Door has seen the _dnsauth record of every domain: for half an hour at most.
set -euo pipefail
profile=$(python -c 'import json; print(json.load(open("parameters.json"))["parameters"]["name"]["value"])')
group="/subscriptions/{subscriptionId}/resourceGroups/$AZURE_RESOURCE_GROUP"
first="$group/providers/Microsoft.Cdn/profiles/$profile/customDomains?api-version=2025-06-01"

# `az afd` is an extension now. `az rest` is part of az itself, and gives one page at a time.
unapproved() {
  page=$first
  while [ -n "$page" ]; do
    az rest --method get --url "$page" --output tsv \
      --query "value[?properties.domainValidationState!='Approved'].properties.[hostName, domainValidationState]" || exit 1
    page=$(az rest --method get --url "$page" --output tsv --query nextLink) || exit 1
  done
}

for _ in {1..60}; do
  waiting=$(unapproved)
  if [ -z "$waiting" ]; then exit 0; fi
  sleep "${PAUSE:-30}"
done
printf 'Front Door has not approved these. See that their _dnsauth records are in DNS:\n%s\n' "$waiting"
exit 1
