//! Whether the ledger can fail: books that are right, each spoiled in one way,
//! must be found wrong, and wrong in that way.

use crate::Outcome;
use crate::ledger::{Books, Issue, Opened, Promise, Receipt, Record, Told, digest_of};

/// One way to spoil books that have a completed session.
type Spoil = fn(&mut Books, &Completed);

/// Where one completed session is in the books.
struct Completed {
    record: usize,
    session: String,
    conversation: String,
}

const SPOILS: [(&str, Promise, Spoil); 13] = [
    ("a received event is dropped", Promise::EventArrived, |books, completed| {
        books.received.retain(|receipt| receipt.session != completed.session);
    }),
    ("no callback is answered 2xx", Promise::EventArrived, |books, completed| {
        of(books, completed).for_each(|receipt| receipt.is_taken = false);
    }),
    ("a received token is another", Promise::OneToken, |books, completed| {
        for receipt in of(books, completed) {
            receipt.token = Some("another".into());
        }
    }),
    ("a callback's signature is wrong", Promise::Genuine, |books, completed| {
        of(books, completed).for_each(|receipt| receipt.is_genuine = false);
    }),
    ("an end is told under two ids", Promise::OneEnd, |books, completed| {
        let first = of(books, completed).next().cloned();
        let second = first.map(|first| Receipt { event: "evt_2".into(), ..first });
        books.received.extend(second);
    }),
    ("a callback tells of another end", Promise::ToldIsTrue, |books, completed| {
        let first = of(books, completed).next().cloned();
        let second = first.map(|first| Receipt { status: "canceled".into(), token: None, ..first });
        books.received.extend(second);
    }),
    ("the token was issued for nobody", Promise::TokenIsIssued, |books, completed| {
        books.issued.retain(|issue| issue.conversation != completed.conversation);
    }),
    ("the API has another token", Promise::TokenIsIssued, |books, completed| {
        let record = &mut books.records[completed.record];
        (record.token, record.digest) = (Some("another".into()), digest_of("another"));
    }),
    ("the API's signature is wrong", Promise::Genuine, |books, completed| {
        books.records[completed.record].is_genuine = false;
    }),
    ("the session is claimed for ever", Promise::NothingIsStuck, |books, completed| {
        let record = &mut books.records[completed.record];
        (record.status, record.token, record.digest) = ("claimed".into(), None, String::new());
    }),
    ("the session is open after all", Promise::ToldIsTrue, |books, completed| {
        let record = &mut books.records[completed.record];
        (record.status, record.token, record.digest) = ("open".into(), None, String::new());
    }),
    ("the session is not there", Promise::SessionIsKept, |books, completed| {
        books.records.remove(completed.record);
    }),
    ("a process has ended by itself", Promise::NoFault, |books, _| books.faults.push("a fault".into())),
];

/// The callbacks of a session.
fn of<'a>(books: &'a mut Books, completed: &'a Completed) -> impl Iterator<Item = &'a mut Receipt> {
    books.received.iter_mut().filter(|receipt| receipt.session == completed.session)
}

/// Spoils books that are right, and says in how many ways.
///
/// # Errors
/// A way that is not found out, or books that were wrong before.
pub fn spoiled_books_are_found_out(right: &Books) -> Outcome<usize> {
    if let Some(loss) = right.losses().first() {
        return Err(format!("books that are right are found wrong: {loss:?}").into());
    }
    let completed = right.records.iter().position(Record::is_completed).ok_or("the books have no completed session")?;
    let record = &right.records[completed];
    let (session, conversation) = (record.session.clone(), record.conversation.clone());
    let completed = Completed { record: completed, session, conversation };
    for (name, promise, spoil) in SPOILS {
        let mut books = right.clone();
        spoil(&mut books, &completed);
        if !books.losses().iter().any(|loss| loss.promise == promise) {
            return Err(format!("the ledger does not see it when {name}").into());
        }
    }
    Ok(SPOILS.len())
}

/// Two sessions, one completed and one open, without a process behind them.
pub fn small_books() -> Books {
    let record = |session: &str, status: &str, token: Option<&str>| Record {
        session: session.into(),
        conversation: format!("order of {session}"),
        status: status.into(),
        token: token.map(str::to_owned),
        digest: token.map(digest_of).unwrap_or_default(),
        is_genuine: true,
    };
    let records = vec![record("ses_1", "completed", Some("token 2")), record("ses_2", "open", None)];
    let issue = |session: &str, token: &str| Issue { conversation: format!("order of {session}"), token: token.into() };
    let opened =
        |record: &Record| Opened { session: record.session.clone(), conversation: record.conversation.clone() };
    Books {
        issued: vec![issue("ses_1", "token 1"), issue("ses_1", "token 2"), issue("ses_2", "token 3")],
        opened: records.iter().map(opened).collect(),
        received: vec![Receipt {
            event: "evt_1".into(),
            session: "ses_1".into(),
            status: "completed".into(),
            token: Some("token 2".into()),
            is_taken: true,
            is_genuine: true,
        }],
        told: vec![Told {
            session: "ses_1".into(),
            status: "completed".into(),
            digest: digest_of("token 2"),
            is_genuine: true,
        }],
        records,
        faults: Vec::new(),
    }
}
