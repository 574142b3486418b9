//! `vezne residue-plant`: the other process of the residue search's self-test.

use super::Failure;

/// Holds what it is told to until its input ends.
///
/// # Errors
/// [`Failure`]: orders that cannot be read.
pub fn run() -> Result<(), Failure> {
    crate::residue::plant().map_err(|error| Failure::internal(error.to_string()))
}
