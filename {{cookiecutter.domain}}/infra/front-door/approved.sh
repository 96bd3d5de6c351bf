#!/usr/bin/env bash
# Waits, in a pipeline, until Front Door has seen the _dnsauth record of every domain: for half an hour at most.
set -euo pipefail
az extension add --name cdn --version 1.0.0b1 --only-show-errors # `az afd` is no part of newer versions of az
profile=$(python -c 'import json; print(json.load(open("parameters.json"))["parameters"]["name"]["value"])')
for _ in {1..60}; do
  waiting=$(az afd custom-domain list --resource-group "$AZURE_RESOURCE_GROUP" --profile-name "$profile" \
    --query "[?domainValidationState!='Approved'].[hostName, domainValidationState]" -o tsv)
  if [ -z "$waiting" ]; then exit 0; fi
  sleep "${PAUSE:-30}"
done
printf 'Front Door has not approved these. See that their _dnsauth records are in DNS:\n%s\n' "$waiting"
exit 1
