#!/bin/sh
# Looks for what is left of cards in a running vezne; docs/residue.md tells how
# to read the table. --long takes ten thousand cards, --help lists the flags.
# Needs root: it reads another process's memory and registers. Ends nothing but
# what it started.
set -eu
cd "$(dirname "$0")/../.."

target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target"
folder=$(mktemp -d "$(realpath "$target")/residue.XXXXXX")
trap 'rm -rf "$folder"' EXIT INT TERM

cargo test --locked --profile ci --quiet --test residue -- --folder "$folder" "$@"
