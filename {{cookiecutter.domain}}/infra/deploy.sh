#!/usr/bin/env bash
# Deploys infra/ in a pipeline that is signed in to Azure: infra/deploy.sh what-if|create app|domains
set -euo pipefail
shopt -s extglob # bootstrap.bicep is not for pipelines
python -m mtasts parameters --phase "$2" --output parameters.json
# Azure looks for the DNS records before it adds a host name, and it may take minutes to see them.
for _ in {1..5}; do
  if az deployment group "$1" --name mta-sts --resource-group "$AZURE_RESOURCE_GROUP" \
    --template-file infra/!(bootstrap).bicep --parameters parameters.json; then exit 0; fi
  if [ "$2" = app ]; then exit 1; fi
  sleep "${PAUSE:-60}"
done
exit 1
