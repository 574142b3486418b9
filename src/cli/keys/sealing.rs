//! The store and the keys, to look at everything that is sealed.

use crate::cli::{Failure, Operator};
use crate::config::Config;
use crate::hardening::{MasterKeys, Sealer};
use crate::startup::{StartupError, open_store};
use crate::store::{SealedRecord, SharedStore, Vault};

/// Rows of one page, and changes of one transaction: a window that serves from
/// the same database waits for no more than that.
const PAGE: u32 = 100;

/// An operator with the store and the master keys.
pub struct Sealing {
    pub(super) store: SharedStore,
    pub(super) sealer: Sealer,
    pub(super) operator: Operator,
}

impl Sealing {
    /// Opens the configured store.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let keys = MasterKeys::load(&config.keys).map_err(StartupError::from)?;
        let sealer = keys.sealer().map_err(StartupError::from)?;
        Ok(Self { store: open_store(config)?, sealer, operator: Operator::here() })
    }

    /// Shows every sealed record, page by page.
    pub(super) async fn each_page(
        &self,
        mut visit: impl AsyncFnMut(Vault, Vec<SealedRecord>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for vault in Vault::ALL {
            let mut after = Some(String::new());
            while let Some(start) = after {
                let page = self.store.sealed(vault, start, PAGE).await?;
                visit(vault, page.records).await?;
                after = page.next;
            }
        }
        Ok(())
    }
}
