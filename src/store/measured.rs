//! How long the store takes, whichever it is.

use super::StoreError;
use crate::telemetry::metrics::StoreMeter;
use std::time::Instant;

/// Times an operation. A record that is not there is an answer, no failure.
pub(super) async fn measured<T>(
    meter: &StoreMeter,
    kind: &'static str,
    operation: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let start = Instant::now();
    let result = operation.await;
    let has_failed = matches!(result, Err(StoreError::Unavailable(_) | StoreError::Corrupt { .. }));
    meter.took(kind, start.elapsed(), has_failed);
    result
}
