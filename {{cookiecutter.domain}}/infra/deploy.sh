#!/usr/bin/env bash
# Deploys infra/ in a pipeline that is signed in to Azure: infra/deploy.sh what-if|create app|domains
set -euo pipefail
python -m mtasts parameters --phase "$2" --output parameters.json
az deployment group "$1" --name mta-sts --resource-group "$AZURE_RESOURCE_GROUP" \
  --template-file infra/*.bicep --parameters parameters.json
