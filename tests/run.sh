#!/usr/bin/env bash
# Runs every check, on a machine that has Rust, Node, Python and root: what is
# missing is installed first. Ends with the first failure, by name.
#
#   tests/run.sh            everything
#   tests/run.sh api docs   only these steps
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_COLOR=never
# One profile for all of it, so that the crate is built once.
readonly PROFILE=ci
readonly STEPS=(format supply lints unit hardened postgres residue crash production docs deploy browser)

step_format() { cargo fmt --check; }

# What is built in: licences, sources, bans, an argument for each dependency.
# cargo-deny adds the advisories where it is installed; nothing installs it here:
# it takes longer to build than everything else.
step_supply() { python3 tests/supply/check.py; }

step_lints() { cargo clippy --locked --profile "$PROFILE" --all-targets --quiet -- -D warnings; }

# Unit tests, the API suite against real servers, the store's behaviours on
# SQLite and PostgreSQL, and the architecture's rules.
# The API suite mostly waits: more threads than cores.
step_unit() {
    install_postgres
    # Without the example, which the lints have read: it would be built for nothing.
    RUST_TEST_THREADS=8 cargo test --locked --profile "$PROFILE" --quiet --no-fail-fast --lib --bins --tests
}

# The API suite once more, against hardened processes that root has started.
step_hardened() {
    # The leak tests start processes of their own either way.
    VEZNE_API_HARDENED=1 RUST_TEST_THREADS=8 \
        cargo test --locked --profile "$PROFILE" --quiet --no-fail-fast --test api -- --skip leaks
}

# The API suite once more, each service with a database in one PostgreSQL cluster.
step_postgres() {
    install_postgres
    # What holds a SQLite file locked, or damages one, is about SQLite; the
    # last ones are about no store.
    VEZNE_TEST_STORE=postgres RUST_TEST_THREADS=8 \
        cargo test --locked --profile "$PROFILE" --quiet --no-fail-fast --test api -- \
        --skip leaks --skip hardened --skip store_that_is_busy --skip store_that_cannot_write \
        --skip while_the_store_is_away --skip what_the_service_is_short_of --skip page_verify --skip shown --skip vectors --skip wire
}

# What is left of cards in the memory of a real process.
step_residue() { tests/residue/run.sh; }

# What is lost when processes and the database die.
step_crash() {
    install_postgres
    tests/crash/run.sh
}

# The build that goes into production: without the sandbox, and without a trace of it.
step_production() {
    cargo build --locked --profile "$PROFILE" --no-default-features --quiet
    local binary=target/$PROFILE/vezne
    if grep -aqE 'vezne sandbox|demo-shop|magic card|danger-leave-out|danger-panic-on-card|VEZNE_FAILPOINT|after-claim' "$binary"; then
        echo "the production build holds the sandbox or its switches" >&2
        return 1
    fi
    echo "production: 1 passed, 0 failed"
}

step_docs() { python3 tests/docs/check.py; }

step_deploy() { python3 tests/deploy/check.py && python3 tests/deploy/alerts.py; }

# The whole journey in Debian's Chromium.
step_browser() {
    command -v chromium >/dev/null || install_package chromium
    npm ci --prefix tests/browser --no-audit --no-fund --silent
    cargo build --locked --profile "$PROFILE" --quiet
    VEZNE=$PWD/target/$PROFILE/vezne npm test --prefix tests/browser --silent
}

install_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null ||
        install_package postgresql
}

install_package() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

for step in "${@:-${STEPS[@]}}"; do
    printf '\n== %s\n' "$step"
    started=$SECONDS
    "step_$step" || { echo "FAILED: $step" >&2; exit 1; }
    printf '   %s took %d s\n' "$step" $((SECONDS - started))
done
printf '\nall steps passed in %d s\n' "$SECONDS"
