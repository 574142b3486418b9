//! Sealing anew what is under the previous master key, while the window serves.

use super::{Census, Sealing};
use crate::audit::{Action, Outcome};
use crate::cli::Failure;
use crate::hardening::MasterKeyId;
use crate::store::{Resealed, SealedRecord, Vault};
use serde_json::{Value, json};
use std::fmt;
use std::time::Instant;

/// How often everything is gone through. The second time finds what was sealed
/// under the previous key during the first; a third that finds more means that
/// a process goes on sealing under it.
const MAX_PASSES: u32 = 3;

/// What a rotation did and what it left.
pub struct Rotation {
    resealed: u64,
    current: MasterKeyId,
    previous: MasterKeyId,
    after: Census,
}

impl Rotation {
    /// Whether nothing needs the previous key any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.after.under_previous() == 0
    }

    /// Success, when nothing is left and everything in use opens.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        if !self.is_complete() {
            return Err(Failure::unavailable(format!(
                "a process still seals under {}: give every process the new key first, then run this again",
                self.previous
            )));
        }
        self.after.unopened().map_or(Ok(()), |why| Err(Failure::config(format!("sealed records do not open: {why}"))))
    }

    /// As `rotate --json` prints it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "current": self.current.to_string(),
            "previous": self.previous.to_string(),
            "resealed": self.resealed,
            "left": self.after.under_previous(),
        })
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} records sealed anew under {}", self.resealed, self.current)?;
        match self.after.under_previous() {
            0 => write!(
                formatter,
                "nothing is left under {}: the previous key can be removed, 24 hours after the last process sealed with it",
                self.previous
            ),
            left => write!(formatter, "left under {}: {left}", self.previous),
        }
    }
}

impl Sealing {
    /// Seals under the current key whatever the previous one has sealed, in small
    /// transactions. May be interrupted in any way and run again: each record is
    /// under the one key or the other, and both open.
    ///
    /// # Errors
    /// [`Failure`] when no previous key is configured, and the store's.
    pub async fn rotate(&self) -> Result<Rotation, Failure> {
        let previous = self.sealer.previous().ok_or_else(|| {
            Failure::config(
                "there is no previous master key: see keys.previous_master_key_file in docs/configuration.md",
            )
        })?;
        let note = self.operator.note(Action::MasterKeyRotated).on(&self.sealer.current().to_string());
        let note = note.detail(&format!("previous={previous}"));
        // Many transactions, before the first of which there is an entry of what is to come.
        self.store.append_audit(vec![note.clone().outcome(Outcome::Begun)]).await?;
        let rotation = self.reseal_all(previous).await;
        let last = match &rotation {
            Ok(rotation) => note.count(i64::try_from(rotation.resealed).unwrap_or(i64::MAX)),
            Err(_) => note.outcome(Outcome::Failed),
        };
        self.store.append_audit(vec![last]).await?;
        self.operator.close(&self.store).await?;
        rotation
    }

    async fn reseal_all(&self, previous: MasterKeyId) -> Result<Rotation, Failure> {
        let mut resealed = 0;
        let mut pass = 1;
        loop {
            self.each_page(async |vault, records| {
                resealed += self.reseal(previous, vault, records).await?;
                Ok(())
            })
            .await?;
            let after = self.census().await?;
            if after.under_previous() == 0 || pass == MAX_PASSES {
                return Ok(Rotation { resealed, current: self.sealer.current(), previous, after });
            }
            pass += 1;
        }
    }

    /// Says how many were sealed anew.
    async fn reseal(&self, previous: MasterKeyId, vault: Vault, records: Vec<SealedRecord>) -> Result<u64, Failure> {
        let started = Instant::now();
        let mut changes = Vec::new();
        for record in records.into_iter().filter(|record| record.sealed.key() == Some(previous)) {
            // One that does not open is left as it is; the census tells.
            let Ok(secret) = self.sealer.open(record.context(), &record.sealed) else { continue };
            let after = self.sealer.seal(record.context(), secret.expose());
            let after = after.map_err(|error| Failure::internal(error.to_string()))?;
            changes.push(Resealed { id: record.id, before: record.sealed, after });
        }
        if changes.is_empty() {
            return Ok(0);
        }
        // What was written meanwhile is not overwritten: the next pass looks at it.
        let done = self.store.reseal(vault, changes).await?;
        // As long a rest as the work took: half of the time belongs to the window.
        tokio::time::sleep(started.elapsed()).await;
        Ok(u64::from(done))
    }
}
