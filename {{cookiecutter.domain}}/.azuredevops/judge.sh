#!/usr/bin/env bash
# Judges the repository in the current folder by the toolkit, the lock and the schema that stand beside this script. The
# pipeline calls the script of the target branch's worktree, so what is judged is data.
set -euo pipefail

change=$PWD
# Python imports from the folder in which it starts: this one, never the one that is judged.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python -m pip install --require-hashes --requirement requirements.txt
case ${1-} in
  lint) python -m mtasts -C "$change" lint ;;
  plan) python -m mtasts -C "$change" plan --live --format markdown --output "$AGENT_TEMPDIRECTORY/plan.md" ;;
  comment) python -m mtasts -C "$change" comment "$AGENT_TEMPDIRECTORY/plan.md" ;;
  *)
    echo "##vso[task.logissue type=error]${1-nothing} is not lint, plan or comment. Write one of them."
    exit 2
    ;;
esac
