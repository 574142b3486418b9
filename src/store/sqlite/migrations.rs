//! A store of an earlier version is brought up to date with all that is in it.

use super::{MIGRATIONS, SqliteStore, connect};
use crate::id::{EventId, KeyId, MerchantId, SessionId};
use crate::merchant::Mode;
use crate::store::{
    Among, DeliveryAsk, EventDetail, EventKind, EventScope, EventState, EventStore, OutboxStore, Subject,
};
use rusqlite::{Connection, params};
use std::path::PathBuf;
use std::time::Duration;

/// A folder with a database of schema 3.
struct Before {
    folder: PathBuf,
    db: Connection,
    merchant: MerchantId,
}

impl Drop for Before {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Before {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("vezne-migration-{}", KeyId::generate()));
        std::fs::create_dir(&folder).unwrap();
        let db = connect(&folder.join("vezne.db")).unwrap();
        for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number <= 3) {
            db.execute_batch(sql).unwrap();
            db.pragma_update(None, "user_version", number).unwrap();
        }
        let merchant = MerchantId::generate();
        db.execute(
            "INSERT INTO merchants (id, name, allow_list, token_in_redirect, created_at)
             VALUES (?, 'Kitapçı', '[\"https://shop.example/\"]', 0, 1000)",
            [merchant.as_str()],
        )
        .unwrap();
        Self { folder, db, merchant }
    }

    fn session(&self, mode: &str, callback_url: &str) -> SessionId {
        let id = SessionId::generate();
        self.db
            .execute(
                "INSERT INTO sessions (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id,
                    return_url, callback_url, metadata, created_at, expires_at, ended_at)
                 VALUES (?1, ?2, ?3, ?4, 'tokenize', 'redirect', 'canceled', 'order-1', 'https://shop.example/', ?5,
                    '{}', 1000, 901000, 2000)",
                params![id.as_str(), self.merchant.as_str(), mode, id.as_str().as_bytes(), callback_url],
            )
            .unwrap();
        id
    }

    fn event(&self, session: &SessionId, state: &str, directive: Option<&str>) -> EventId {
        let id = EventId::generate();
        let kind = if directive.is_some() { "page.violation" } else { "session.canceled" };
        let settled = (state != "pending").then_some(3000);
        self.db
            .execute(
                "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, attempts, due_at, last_reason,
                    settled_at, directive, blocked)
                 VALUES (?, ?, ?, ?, 2000, ?, 2, 2500, 'status', ?, ?, ?)",
                params![
                    id.as_str(),
                    self.merchant.as_str(),
                    session.as_str(),
                    kind,
                    state,
                    settled,
                    directive,
                    directive.map(|_| "inline")
                ],
            )
            .unwrap();
        id
    }
}

async fn read(store: &SqliteStore, id: &EventId) -> EventDetail {
    store.event(EventScope::All, id.clone()).await.unwrap().unwrap()
}

#[tokio::test]
async fn events_of_schema_3_are_all_there_and_go_where_they_went() {
    let before = Before::new();
    let test = before.session("test", "http://localhost:8080/hook?a=b");
    let live = before.session("live", "https://shop.example/hook");
    let waiting = before.event(&test, "pending", None);
    let violation = before.event(&test, "delivered", Some("img-src"));
    let given_up = before.event(&live, "abandoned", None);
    let store = SqliteStore::open(&before.folder.join("vezne.db")).unwrap();

    let detail = read(&store, &waiting).await;
    assert_eq!((detail.event.state, detail.event.mode, detail.event.attempts), (EventState::Pending, Mode::Test, 2));
    assert_eq!((detail.event.session, detail.event.last_reason.as_deref()), (Some(test.clone()), Some("status")));
    assert!(detail.attempts.is_empty() && matches!(detail.subject, Subject::End(_)));
    let detail = read(&store, &violation).await;
    assert_eq!((detail.event.kind, detail.event.state), (EventKind::Violation, EventState::Delivered));
    assert!(matches!(detail.subject, Subject::Page(_, violation) if violation.directive.name() == "img-src"));
    let detail = read(&store, &given_up).await;
    assert_eq!((detail.event.state, detail.event.mode), (EventState::Abandoned, Mode::Live));
    assert_eq!(detail.event.settled_at.unwrap().as_millisecond(), 3000);

    let ask =
        DeliveryAsk { limit: 9, per_endpoint: 9, among: Among::AllBut(Vec::new()), lease: Duration::from_mins(1) };
    let leased = store.lease_deliveries(ask).await.unwrap();
    assert_eq!(leased.len(), 1);
    let delivery = &leased[0];
    assert_eq!((&delivery.event.id, delivery.event.attempts, delivery.failures), (&waiting, 3, 2));
    assert_eq!(delivery.url.url().as_str(), "http://localhost:8080/hook?a=b");
    let stored: String =
        before.db.query_row("SELECT endpoint FROM events WHERE id = ?", [waiting.as_str()], |row| row.get(0)).unwrap();
    assert_eq!(stored, delivery.endpoint().as_str(), "what SQL and the code make of a URL is the same");
}

#[test]
fn the_rules_between_tables_hold_after_every_migration() {
    let before = Before::new();
    let session = before.session("test", "https://shop.example/hook");
    before.event(&session, "pending", None);
    drop(SqliteStore::open(&before.folder.join("vezne.db")).unwrap());
    let mut broken = before.db.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(!broken.exists([]).unwrap());
    let whole: String = before.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}
