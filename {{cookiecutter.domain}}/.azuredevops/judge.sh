#!/usr/bin/env bash
# Checks the repository in the current folder with the toolkit, the lock and the schema of the repository that holds this script.
# The pipeline calls the script of the target branch, so the files of the pull request are only data.
set -euo pipefail

change=$PWD
# Python imports from the folder in which it starts: this one, not that of the pull request.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python -m pip install --require-hashes --requirement requirements.txt
case ${1-} in
  lint) python -m mtasts -C "$change" lint ;;
  plan) python -m mtasts -C "$change" plan --live --format markdown --output "$AGENT_TEMPDIRECTORY/plan.md" ;;
  comment) python -m mtasts -C "$change" comment "$AGENT_TEMPDIRECTORY/plan.md" ;;
  *)
    echo "##vso[task.logissue type=error]Unknown verb ${1-}. Write lint, plan or comment."
    exit 2
    ;;
esac
