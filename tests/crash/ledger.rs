//! The ledger: what the provider issued, what the merchant received and what
//! cardholders were shown, joined with what the API says in the end. Nothing of
//! it comes from vezne's own store.

use data_encoding::BASE64URL_NOPAD;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A token that the provider gave out.
#[derive(Clone, Debug)]
pub struct Issue {
    pub conversation: String,
    pub token: String,
}

/// A session whose creation was answered with 201.
#[derive(Clone, Debug)]
pub struct Opened {
    pub session: String,
    pub conversation: String,
}

/// A callback as it reached the merchant.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// `webhook-id`
    pub event: String,
    pub session: String,
    pub status: String,
    pub token: Option<String>,
    /// Whether the merchant answered 2xx, in time. One that did not has not taken it over.
    pub is_taken: bool,
    /// Whether the official verifier accepts its signature, and the result in it verifies.
    pub is_genuine: bool,
}

/// A signed result that is final: on a hand-off page, or in the API's answer.
#[derive(Clone, Debug)]
pub struct Told {
    pub session: String,
    pub status: String,
    pub digest: String,
    pub is_genuine: bool,
}

/// A session as the API has it when all has settled.
#[derive(Clone, Debug)]
pub struct Record {
    pub session: String,
    pub conversation: String,
    pub status: String,
    pub token: Option<String>,
    pub digest: String,
    pub is_genuine: bool,
}

impl Record {
    pub fn has_ended(&self) -> bool {
        !["open", "claimed"].contains(&self.status.as_str())
    }

    pub fn is_completed(&self) -> bool {
        self.status == "completed"
    }
}

/// All of a run.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub issued: Vec<Issue>,
    pub opened: Vec<Opened>,
    pub received: Vec<Receipt>,
    pub told: Vec<Told>,
    pub records: Vec<Record>,
    /// What must not have been seen on the way: a session's page that is not
    /// there, a process that ended by itself.
    pub faults: Vec<String>,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Promise {
    /// A session that was created is there.
    SessionIsKept,
    /// A completed session has a token that was issued for it.
    TokenIsIssued,
    /// An ended session's event arrived and was taken, with its status and its token.
    EventArrived,
    /// A session has one end.
    OneEnd,
    /// No signature is wrong.
    Genuine,
    /// No session hands over two tokens.
    OneToken,
    /// What somebody was told as final is so.
    ToldIsTrue,
    /// No session is claimed for ever.
    NothingIsStuck,
    /// Nothing else went wrong.
    NoFault,
}

/// A broken promise, and where.
#[derive(Clone, Debug)]
pub struct Loss {
    pub promise: Promise,
    pub what: String,
}

/// base64url of the token's SHA-256, as results have it.
pub fn digest_of(token: &str) -> String {
    BASE64URL_NOPAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref())
}

impl Books {
    /// Every promise that was broken; none when all is well.
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses = Vec::new();
        let mut lose = |promise, what: String| losses.push(Loss { promise, what });
        let records: BTreeMap<&str, &Record> = self.records.iter().map(|record| (&*record.session, record)).collect();
        for fault in &self.faults {
            lose(Promise::NoFault, fault.clone());
        }
        for Opened { session, conversation } in &self.opened {
            if records.get(&**session).is_none_or(|record| record.conversation != *conversation) {
                lose(Promise::SessionIsKept, format!("{session} of {conversation}"));
            }
        }
        let conversations: BTreeSet<&str> = self.records.iter().map(|record| &*record.conversation).collect();
        for Issue { conversation, .. } in &self.issued {
            if !conversations.contains(&**conversation) {
                lose(Promise::SessionIsKept, format!("a token was issued for {conversation}"));
            }
        }
        let evidence = Evidence::of(self);
        for record in &self.records {
            evidence.judge(record, &mut lose);
        }
        self.judge_words(&records, &mut lose);
        losses
    }

    /// What the merchant and cardholders were told of all sessions.
    fn judge_words(&self, records: &BTreeMap<&str, &Record>, lose: &mut impl FnMut(Promise, String)) {
        let received = self.received.iter().map(|receipt| {
            let digest = receipt.token.as_deref().map(digest_of).unwrap_or_default();
            ("a callback", &receipt.session, &receipt.status, digest, receipt.is_genuine)
        });
        let told = self
            .told
            .iter()
            .map(|told| ("a hand-off", &told.session, &told.status, told.digest.clone(), told.is_genuine));
        let mut tokens: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (whose, session, status, digest, is_genuine) in received.chain(told) {
            if !is_genuine {
                lose(Promise::Genuine, format!("{whose} of {session}"));
            }
            let record = records.get(&**session);
            if record.is_none_or(|record| record.status != *status || record.digest != digest) {
                let found = record.map_or("not there", |record| &record.status);
                lose(Promise::ToldIsTrue, format!("{whose} said {status}, and {session} is {found}"));
            }
            if !digest.is_empty() {
                tokens.entry(session).or_default().insert(digest);
            }
        }
        for (session, mut digests) in tokens {
            digests
                .extend(records.get(session).map(|record| record.digest.clone()).filter(|digest| !digest.is_empty()));
            if digests.len() > 1 {
                lose(Promise::OneToken, format!("{session} has handed over {}", digests.len()));
            }
        }
    }

    /// These and those of another window.
    pub fn and(mut self, other: Self) -> Self {
        self.issued.extend(other.issued);
        self.opened.extend(other.opened);
        self.received.extend(other.received);
        self.told.extend(other.told);
        self.records.extend(other.records);
        self.faults.extend(other.faults);
        self
    }

    /// Whether nothing more is to come: no session is claimed, and every end is known.
    pub fn is_settled(&self) -> bool {
        !self.losses().iter().any(|loss| matches!(loss.promise, Promise::NothingIsStuck | Promise::EventArrived))
    }
}

/// What speaks of each session, found by its id.
struct Evidence<'a> {
    issued: HashSet<(&'a str, &'a str)>,
    received: HashMap<&'a str, Vec<&'a Receipt>>,
}

impl<'a> Evidence<'a> {
    fn of(books: &'a Books) -> Self {
        let mut received: HashMap<&str, Vec<&Receipt>> = HashMap::new();
        for receipt in &books.received {
            received.entry(&receipt.session).or_default().push(receipt);
        }
        let issued = books.issued.iter().map(|issue| (&*issue.conversation, &*issue.token)).collect();
        Self { issued, received }
    }

    /// One session, as the API has it.
    fn judge(&self, record: &Record, lose: &mut impl FnMut(Promise, String)) {
        let Record { session, conversation, status, token, digest, .. } = record;
        if !record.is_genuine || token.as_deref().map(digest_of).unwrap_or_default() != *digest {
            lose(Promise::Genuine, format!("the API's result of {session}"));
        }
        let issued = |token: &str| self.issued.contains(&(&**conversation, token));
        if record.is_completed() != token.is_some() || token.as_deref().is_some_and(|token| !issued(token)) {
            lose(Promise::TokenIsIssued, format!("{session} is {status}"));
        }
        if status == "claimed" {
            lose(Promise::NothingIsStuck, format!("{session} is claimed"));
        }
        let mut events: BTreeSet<&str> = BTreeSet::new();
        let mut arrived = false;
        for receipt in self.received.get(&**session).into_iter().flatten() {
            events.insert(&receipt.event);
            arrived |= receipt.is_taken && receipt.status == *status && receipt.token == *token;
        }
        if record.has_ended() && !arrived {
            lose(Promise::EventArrived, format!("{session} is {status}"));
        }
        if events.len() > 1 {
            lose(Promise::OneEnd, format!("{session} has {} events", events.len()));
        }
    }
}
