//! Who runs a command, for the audit trail: the account on this machine.

use super::Failure;
use crate::audit::{Action, Actor, ChainId, Note, Outcome};
use crate::store::{SharedStore, StoreError};
use rustix::process::getuid;
use std::fs;

/// What the kernel says where nobody has logged in.
const NO_LOGIN: u32 = u32::MAX;

/// Whoever runs this process, with a chain of entries of their own.
pub struct Operator {
    chain: ChainId,
    actor: Actor,
}

impl Operator {
    /// Whoever runs this process: the account, and where another one has logged in
    /// and become this one (sudo, su), that one too, as the kernel remembers it.
    #[must_use]
    pub fn here() -> Self {
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = getuid().as_raw();
        let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
        Self { chain: ChainId::generate(), actor: Actor::Operator(who(&accounts, user, login)) }
    }

    /// An entry for what this operator does.
    #[must_use]
    pub fn note(&self, action: Action) -> Note {
        Note::new(self.chain.clone(), self.actor.clone(), action)
    }

    /// What a change came to. One that failed has taken its entry with it: it gets
    /// another one, that says so.
    ///
    /// # Errors
    /// The change's, and that of an entry which cannot be written either.
    pub async fn settle(
        &self,
        store: &SharedStore,
        note: Note,
        done: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Err(error) = done else { return Ok(()) };
        let note = note.outcome(Outcome::Failed);
        // Away, the store may have made the change all the same: then its own entry is there as well.
        let note = if matches!(error, StoreError::Unavailable(_)) { note.and("answer=lost") } else { note };
        if let Err(unwritten) = store.append_audit(vec![note]).await {
            eprintln!("the audit trail does not have this attempt: {unwritten}");
        }
        Err(error)
    }

    /// Writes the chain's last entry, if it has any.
    ///
    /// # Errors
    /// [`Failure`]: what was done stands.
    pub async fn close(&self, store: &SharedStore) -> Result<(), Failure> {
        let closed = store.close_audit(self.note(Action::ChainClosed)).await;
        let unclosed = |error| Failure::unavailable(format!("done, but the audit trail is left unclosed: {error}"));
        closed.map(drop).map_err(unclosed)
    }
}

/// `name(number)`, and who that was at the login, if somebody else.
fn who(accounts: &str, user: u32, login: Option<u32>) -> String {
    // passwd(5): `name:password:uid:…`
    let name = |number: u32| {
        let account = accounts.lines().find(|line| line.split(':').nth(2) == Some(&number.to_string()));
        let name = account.and_then(|line| line.split(':').next()).unwrap_or("?");
        format!("{name}({number})")
    };
    match login.filter(|login| ![user, NO_LOGIN].contains(login)) {
        Some(login) => format!("{} login={}", name(user), name(login)),
        None => name(user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_name_a_number_and_a_login() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\ndeniz:x:1000:1000::/home/deniz:/bin/sh\n";
        assert_eq!(who(accounts, 0, None), "root(0)");
        assert_eq!(who(accounts, 0, Some(NO_LOGIN)), "root(0)");
        assert_eq!(who(accounts, 1000, Some(1000)), "deniz(1000)");
        assert_eq!(who(accounts, 0, Some(1000)), "root(0) login=deniz(1000)");
        assert_eq!(who("", 7, Some(8)), "?(7) login=?(8)");
    }
}
