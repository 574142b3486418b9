#!/usr/bin/env bash
# Fuzzes the targets, as many at a time as there are cores, and says in one line
# per target how it went. Ends with 1 where something was found.
#
#   tests/fuzz/run.sh                      every target for 60 seconds
#   tests/fuzz/run.sh 600 intake card      these for ten minutes each
#   tests/fuzz/run.sh minimise [target…]   takes over into corpus/ what reached new code
#
# New inputs gather in target/corpus/, findings in artifacts/. Needs cargo-fuzz
# (`cargo install cargo-fuzz --locked`) and a nightly compiler; without one RUSTC_BOOTSTRAP=1
# makes the stable one do.
set -euo pipefail
cd "$(dirname "$0")"

TOOLCHAIN=+nightly
if ! cargo +nightly --version >/dev/null 2>&1; then
    TOOLCHAIN=
    export RUSTC_BOOTSTRAP=1
fi
# Bytes of the largest input in a committed corpus, and how many it has, as in replay.rs.
readonly LONGEST=10240 MOST=200
HOST=$(rustc -vV | sed -n 's/^host: //p')
readonly HOST

build() { cargo ${TOOLCHAIN:+"$TOOLCHAIN"} fuzz build --fuzz-dir "$PWD" >&2; }

# One target for so many seconds. One allocation of more than 16 MB, or 2 GB in
# all, is a finding too: every reader has its bounds.
fuzz() {
    local seconds=$1 target=$2 log=target/logs/$2.log found
    mkdir -p "target/corpus/$target" "artifacts/$target" "regressions/$target" target/logs
    local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=16
        -max_len="$LONGEST" -print_final_stats=1 -artifact_prefix="artifacts/$target/")
    [ "$target" = intake ] && options+=(-dict=multipart.dict)
    local outcome=clean
    "target/$HOST/release/$target" "target/corpus/$target" "corpus/$target" "regressions/$target" "${options[@]}" \
        2>"$log" || outcome=FOUND
    rmdir "regressions/$target" 2>/dev/null || true
    found=$(find "artifacts/$target" -type f | wc -l)
    awk -v target="$target" -v outcome="$outcome" -v found="$found" '
        /^#[0-9]+/ { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1) } }
        /^Done/ { seconds = $(NF - 1) }
        /^stat::number_of_executed_units/ { runs = $2 }
        /^stat::average_exec_per_sec/ { rate = $2 }
        END { printf "%-10s %s: %d s, %d executions, %d/s, coverage %d edges (%d features), %d findings\n",
                     target, outcome, seconds, runs, rate, cov, ft, found }' "$log"
    [ "$outcome" = clean ]
}

# The smallest set of inputs that reaches the same code, the committed ones first.
# What a person named stays; of the rest, which have a hash for a name, as many as
# there is room for.
minimise() {
    local target=$1 named
    "target/$HOST/release/$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 \
        "corpus/$target" "target/corpus/$target" 2>"target/logs/$target.merge.log"
    named=$(find "corpus/$target" -type f | grep -cvE '/[0-9a-f]{40}$' || true)
    find "corpus/$target" -type f | { grep -E '/[0-9a-f]{40}$' || true; } | sort |
        tail -n +$((MOST - named + 1)) | xargs -r rm
    printf '%-10s %d inputs\n' "$target" "$(find "corpus/$target" -type f | wc -l)"
}

export -f fuzz minimise
# As cargo-fuzz has it: SQLite has two static tables of one name.
export ASAN_OPTIONS=detect_odr_violation=0
export HOST LONGEST MOST

case ${1:-} in
minimise) work=minimise; shift ;;
'' | *[!0-9]*) work='fuzz 60' ;;
*) work="fuzz $1"; shift ;;
esac
mapfile -t targets < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else sed -n 's/^    ("\([a-z_]*\)", .*/\1/p' targets/mod.rs; fi)
build
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c "$work {}"
