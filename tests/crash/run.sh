#!/bin/sh
# Kills vezne and its database while cardholders pay, and looks for what was
# lost; docs/testing.md tells how to read the table. --long strikes for a minute,
# --seed N repeats a plan, --help lists the flags. Ends nothing but what it
# started. What the processes have said is kept when something was lost.
set -eu
cd "$(dirname "$0")/../.."

target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
folder=$(mktemp -d "$(realpath "$target")/crash.XXXXXX")
trap 'rm -rf "$folder"' INT TERM

if cargo test --locked --profile "${PROFILE:-ci}" --quiet --test crash -- --folder "$folder" "$@"; then
    rm -rf "$folder"
else
    echo "logs: $folder" >&2
    exit 1
fi
