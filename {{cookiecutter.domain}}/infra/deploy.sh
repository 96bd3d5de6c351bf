#!/usr/bin/env bash
# Deploys infra/ from a pipeline that is signed in to Azure. Usage: infra/deploy.sh what-if|create app|domains
set -euo pipefail
shopt -s extglob # for !(bootstrap): only people run bootstrap.bicep
python -m mtasts parameters --phase "$2" --output parameters.json
# Azure checks the DNS records before it adds a host name, and can need minutes to see them. So try again.
for _ in {1..5}; do
  code=0
  az deployment group "$1" --name mta-sts --resource-group "$AZURE_RESOURCE_GROUP" \
    --template-file infra/!(bootstrap).bicep --parameters parameters.json 2> refusal.txt || code=$?
  cat refusal.txt >&2
  if [ "$code" = 0 ]; then exit 0; fi
  python -m mtasts.hosting.refusals refusal.txt || exit 1
  if [ "$2" = app ]; then break; fi
  sleep "${PAUSE:-60}"
done
python -m mtasts.hosting.refusals refusal.txt last || true
exit 1
