//! How many connections the process's limit of open files allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::num::NonZeroUsize;

/// The share of open files that is not for clients: connections to providers
/// and merchants, the store, certificates. A card on its way needs two files,
/// so a full house must leave more than a handful.
const RESERVED_FRACTION: u64 = 4;
/// The least that is reserved.
const LEAST_RESERVED: u64 = 64;

/// Raises the soft limit of open files to the hard one, then returns how many
/// of the wanted connections each worker (0 means one per core) can have. A
/// smaller number than the wanted one is logged.
pub(super) fn connections_per_worker(wanted: usize, workers: usize) -> usize {
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
        workers => workers,
    };
    let files = raise();
    let connections = wanted.min(affordable(files, workers));
    if connections < wanted {
        tracing::warn!(
            connections,
            value = wanted,
            workers,
            count = files,
            "too few open files are allowed for the configured connections per worker"
        );
    }
    connections
}

/// Returns the limit that holds from now on.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None means no limit.
    let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    if limit(current) >= limit(maximum) {
        return limit(current);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => limit(maximum),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit(current)
        }
    }
}

fn affordable(files: u64, workers: usize) -> usize {
    let reserved = (files / RESERVED_FRACTION).max(LEAST_RESERVED);
    let for_clients = usize::try_from(files.saturating_sub(reserved)).unwrap_or(usize::MAX);
    (for_clients / workers).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_files_for_everything_else() {
        for (files, workers, connections) in
            [(1024, 1, 768), (1024, 2, 384), (524_288, 8, 49_152), (100, 1, 36), (64, 1, 1), (0, 4, 1)]
        {
            assert_eq!(affordable(files, workers), connections, "{files} files, {workers} workers");
        }
        assert!(affordable(u64::MAX, 1) > 1_000_000);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let lower = before.maximum.map_or(1024, |maximum| maximum - 1);
        setrlimit(Resource::Nofile, Rlimit { current: Some(lower), ..before }).unwrap();
        assert_eq!(connections_per_worker(1, 1), 1);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
