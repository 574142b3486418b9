//! From root to the user of `server.user`, and no capabilities left.

use super::Finding;
use super::memory_lock::Allowance;
use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_keep_capabilities, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};
use std::io;
use thiserror::Error;

const MEASURE: &str = "user";
/// What root keeps when no user is named: what it takes to use files of others,
/// which a store that is run by root may be.
const FILES_OF_OTHERS: CapabilitySet =
    CapabilitySet::CHOWN.union(CapabilitySet::DAC_OVERRIDE).union(CapabilitySet::FOWNER);

/// Why the configured user cannot be become. Nothing is served then.
#[derive(Debug, Error)]
pub enum UserError {
    /// No such name.
    #[error("there is no user {0:?} in /etc/passwd; create it, or name its number")]
    Unknown(String),
    /// A name for root.
    #[error("{0:?} is root")]
    Root(String),
    /// The users' file cannot be read.
    #[error("{0}: {1}")]
    File(&'static str, io::Error),
    /// The system refuses.
    #[error("cannot become user {uid}: {source}")]
    Refused {
        /// The user's number.
        uid: u32,
        /// Why.
        source: Errno,
    },
    /// The way back is open.
    #[error("user {0} could become root again")]
    Regained(u32),
}

/// A user as the system knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Account {
    /// Looks a name or a number up in `/etc/passwd` and `/etc/group`. The C
    /// library's lookup would load code for it. A number without a line there is a
    /// user all the same, of the group with the same number.
    ///
    /// # Errors
    /// [`UserError`].
    pub fn find(user: &str) -> Result<Self, UserError> {
        let read = |path| std::fs::read_to_string(path).map_err(|error| UserError::File(path, error));
        Self::parse(user, &read("/etc/passwd")?, &read("/etc/group")?)
    }

    /// passwd(5): `name:password:uid:gid:…`; group(5): `name:password:gid:member,…`.
    fn parse(user: &str, passwd: &str, group: &str) -> Result<Self, UserError> {
        let number = user.parse::<u32>().ok();
        let line = passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields.as_slice() else { return None };
            let (uid, gid) = (uid.parse::<u32>().ok()?, gid.parse::<u32>().ok()?);
            (*name == user || Some(uid) == number).then_some((*name, uid, gid))
        });
        let (name, uid, gid) = match (line, number) {
            (Some(line), _) => line,
            (None, Some(number)) => ("", number, number),
            (None, None) => return Err(UserError::Unknown(user.to_owned())),
        };
        if uid == 0 {
            return Err(UserError::Root(user.to_owned()));
        }
        let groups = group.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, number, members] = fields.as_slice() else { return None };
            members.split(',').any(|member| !name.is_empty() && member == name).then(|| number.parse().ok())?
        });
        let mut groups: Vec<u32> = std::iter::once(gid).chain(groups).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(Self {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            groups: groups.into_iter().map(Gid::from_raw).collect(),
        })
    }

    /// Becomes this user: groups, group, user, real and saved ones too. Of the
    /// capabilities stays `kept`.
    ///
    /// # Errors
    /// [`UserError`], also when the way back is not closed.
    pub fn assume(&self, kept: CapabilitySet) -> Result<(), UserError> {
        let Self { uid, gid, groups } = self;
        let change = || {
            set_keep_capabilities(!kept.is_empty())?;
            set_thread_groups(groups)?;
            set_thread_res_gid(*gid, *gid, *gid)?;
            set_thread_res_uid(*uid, *uid, *uid)?;
            limit_capabilities(kept)
        };
        change().map_err(|source| UserError::Refused { uid: uid.as_raw(), source })?;
        let is_user = [getuid(), geteuid()] == [*uid; 2] && [getgid(), getegid()] == [*gid; 2];
        let back = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok()
            || (gid.as_raw() != 0 && set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).is_ok());
        if is_user && !back { Ok(()) } else { Err(UserError::Regained(uid.as_raw())) }
    }
}

/// Goes on as `user` when root has started the process, and gives up what
/// capabilities there are.
pub(super) fn leave_root(user: Option<&str>, memory: Allowance) -> Result<Finding, UserError> {
    let kept = memory.capability();
    match user.map(Account::find).transpose()? {
        Some(account) if geteuid().is_root() => {
            account.assume(kept)?;
            Ok(unprivileged(kept))
        }
        Some(account) if geteuid() != account.uid => {
            let detail = format!("runs as user {}; start it as root to go on as {}", geteuid(), account.uid);
            Ok(Finding::missing(MEASURE, detail))
        }
        None if geteuid().is_root() => Ok(rooted(kept)),
        _ => Ok(match limit_capabilities(kept) {
            Ok(()) => unprivileged(kept),
            Err(error) => Finding::missing(MEASURE, format!("capabilities stay: {error}")),
        }),
    }
}

fn unprivileged(kept: CapabilitySet) -> Finding {
    let capabilities = if kept.is_empty() { "no capabilities" } else { "no capability but CAP_IPC_LOCK" };
    Finding::achieved(MEASURE, format!("user {}, {capabilities}", geteuid()))
}

fn rooted(kept: CapabilitySet) -> Finding {
    let limited = match limit_capabilities(kept | FILES_OF_OTHERS) {
        Ok(()) => String::new(),
        Err(error) => format!(" with all capabilities ({error})"),
    };
    Finding::missing(MEASURE, format!("runs as root{limited}; set server.user, or start it as another user"))
}

/// Gives up every capability that is not in `kept`, on this thread, which is
/// the only one. None can be had by an exec any more (`privileges`).
fn limit_capabilities(kept: CapabilitySet) -> rustix::io::Result<()> {
    let permitted = capabilities(None)?.permitted & kept;
    set_capabilities(None, CapabilitySets { effective: permitted, permitted, inheritable: CapabilitySet::empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\ntoor:x:0:0::/:/bin/sh\n\
                          vezne:x:990:991:window:/var/lib/vezne:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nvezne:x:991:\ntls:x:400:www,vezne\nother:x:401:vezne2\nbroken\n";

    fn account(uid: u32, gid: u32, groups: &[u32]) -> Account {
        let groups = groups.iter().copied().map(Gid::from_raw).collect();
        Account { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups }
    }

    #[test]
    fn a_user_comes_with_all_of_its_groups() {
        let expected = account(990, 991, &[400, 991]);
        assert_eq!(Account::parse("vezne", PASSWD, GROUP).unwrap(), expected);
        assert_eq!(Account::parse("990", PASSWD, GROUP).unwrap(), expected);
        assert_eq!(Account::parse("4242", PASSWD, GROUP).unwrap(), account(4242, 4242, &[4242]));
    }

    #[test]
    fn root_by_another_name_is_no_user_to_become() {
        assert!(matches!(Account::parse("toor", PASSWD, GROUP), Err(UserError::Root(_))));
        assert!(matches!(Account::parse("nosuch", PASSWD, GROUP), Err(UserError::Unknown(_))));
    }
}
