#!/bin/sh
# Measures vezne against nginx on this machine: journeys a second, latency, CPU,
# memory. docs/speed.md tells what the figures mean; --help lists the flags.
# Linux with two cores, Rust, and Debian's packages (nginx is installed when it
# is not there). Ends nothing but what it started.
set -eu
cd "$(dirname "$0")/../.."

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

PATH="$PATH:/usr/sbin"
if ! command -v nginx >/dev/null; then
    # Runlevel 1: the package is not to start a service of its own.
    as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx-light' >&2
fi

cargo build --release --locked --bin vezne --example load >&2
target="${CARGO_TARGET_DIR:-target}"

# Beside the build and not in /tmp, which may be memory: there, a durable
# commit would cost nothing.
folder=$(mktemp -d "$(realpath "$target")/load.XXXXXX")
trap 'rm -rf "$folder"' EXIT INT TERM

commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD 2>/dev/null || commit="$commit, changed"

# The servers have core 0, the generator and the upstream core 1.
taskset --cpu-list 1 "$target/release/examples/load" --vezne "$target/release/vezne" \
    --nginx "$(command -v nginx)" --folder "$folder" --commit "$commit" "$@"
