//! The schema of a PostgreSQL database: applied once, refused where it is
//! another version's.

use crate::cluster;
use crate::outbox::lease;
use crate::place::{by_socket, merchant, no_secrets};
use std::sync::Arc;
use std::thread;
use vezne::store::{PostgresStore, SharedStore, StoreError};

fn refusal(database: &str) -> String {
    let cluster = cluster::shared();
    match PostgresStore::open(&by_socket(&cluster, database), no_secrets(), false) {
        Err(StoreError::Unavailable(why)) => why,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{database} was opened"),
    }
}

#[tokio::test]
async fn processes_that_migrate_at_the_same_time_do_it_once() {
    let cluster = cluster::shared();
    let database = cluster.create_database();
    let config = by_socket(&cluster, &database);
    let nodes: Vec<_> = (0..6)
        .map(|_| {
            let config = config.clone();
            thread::spawn(move || PostgresStore::open(&config, no_secrets(), true).unwrap())
        })
        .collect();
    let nodes: Vec<_> = nodes.into_iter().map(|node| node.join().unwrap()).collect();
    let applied: Vec<u32> = nodes.iter().flat_map(|(_, applied)| applied.clone()).collect();
    let recorded = cluster.run(&database, "SELECT number FROM schema_migrations ORDER BY number");
    assert_eq!(applied.iter().map(u32::to_string).collect::<Vec<_>>().join("\n"), recorded);
    for (store, _) in nodes {
        let store: SharedStore = Arc::new(store);
        merchant(&store).await;
    }
}

#[test]
fn a_database_that_was_not_migrated_is_refused() {
    let cluster = cluster::shared();
    let database = cluster.create_database();
    assert!(refusal(&database).contains("no tables of vezne yet: run `vezne migrate`"));
    assert_eq!(cluster.run(&database, "SELECT to_regclass('sessions') IS NULL"), "t", "nothing was changed");
    PostgresStore::open(&by_socket(&cluster, &database), no_secrets(), true).unwrap();
    let newest: u32 = cluster.run(&database, "SELECT MAX(number) FROM schema_migrations").parse().unwrap();
    cluster.run(&database, &format!("DELETE FROM schema_migrations WHERE number = {newest}"));
    assert!(refusal(&database).contains(&format!("needs {newest}: run `vezne migrate`")));
}

/// What version 3 was made of.
const SCHEMA_3: [&str; 3] = [
    include_str!("../../src/store/migrations/postgres/0001_initial.sql"),
    include_str!("../../src/store/migrations/postgres/0002_embed_origin.sql"),
    include_str!("../../src/store/migrations/postgres/0003_theme.sql"),
];

/// A merchant with a session of each mode, and an event of each kind and state.
fn rows_of_3() -> String {
    let id = |prefix: &str, number: u32| format!("'{prefix}_{number:026}'");
    let session = |number, mode: &str, url: &str| {
        format!(
            "INSERT INTO sessions (id, merchant_id, mode, secret, purpose, handoff, status, conversation_id, return_url,
                callback_url, metadata, created_at, expires_at, ended_at)
             VALUES ({}, {}, '{mode}', '\\x{number:02}', 'tokenize', 'redirect', 'canceled', 'order-1',
                'https://shop.example/', '{url}', '{{}}', 1000, 901000, 2000);",
            id("ses", number),
            id("mer", 1)
        )
    };
    let event = |number, session, kind: &str, state: &str, directive: &str| {
        format!(
            "INSERT INTO events (id, merchant_id, session_id, kind, created_at, state, attempts, due_at, last_reason,
                settled_at, directive, blocked)
             VALUES ({}, {}, {}, '{kind}', 2000, '{state}', 2, 2500, 'status',
                CASE WHEN '{state}' <> 'pending' THEN 3000 END, {directive}, 'inline');",
            id("evt", number),
            id("mer", 1),
            id("ses", session)
        )
    };
    let merchant = format!(
        "INSERT INTO merchants (id, name, allow_list, token_in_redirect, created_at)
         VALUES ({}, 'Kitapçı', '[\"https://shop.example/\"]', FALSE, 1000);",
        id("mer", 1)
    );
    [
        merchant,
        session(1, "test", "http://localhost:8080/hook?a=b"),
        session(2, "live", "https://shop.example/hook"),
        event(1, 1, "session.canceled", "pending", "NULL"),
        event(2, 1, "page.violation", "delivered", "'img-src'"),
        event(3, 2, "session.canceled", "abandoned", "NULL"),
    ]
    .concat()
}

#[tokio::test]
async fn events_of_schema_3_are_all_there_and_go_where_they_went() {
    let cluster = cluster::shared();
    let database = cluster.create_database();
    for sql in SCHEMA_3 {
        cluster.run(&database, sql);
    }
    cluster.run(&database, "CREATE TABLE schema_migrations (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)");
    cluster.run(&database, "INSERT INTO schema_migrations SELECT number, 0 FROM generate_series(1, 3) AS number");
    cluster.run(&database, &rows_of_3());
    let store: SharedStore =
        Arc::new(PostgresStore::open(&by_socket(&cluster, &database), no_secrets(), true).unwrap().0);

    let rows = cluster.run(&database, "SELECT mode, state, attempts, settled_at, endpoint FROM events ORDER BY id");
    let merchant = format!("mer_{:026}", 1);
    let expected = [
        format!("test|pending|2||{merchant} http://localhost:8080"),
        format!("test|delivered|2|3000|{merchant} http://localhost:8080"),
        format!("live|abandoned|2|3000|{merchant} https://shop.example"),
    ];
    assert_eq!(rows, expected.join("\n"));
    let leased = lease(&store, |_| {}).await;
    let [delivery] = leased.as_slice() else { panic!("{} events", leased.len()) };
    assert_eq!((delivery.event.attempts, delivery.failures), (3, 2));
    assert_eq!(delivery.endpoint().as_str(), format!("{merchant} http://localhost:8080"));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let cluster = cluster::shared();
    let database = cluster.create_database();
    PostgresStore::open(&by_socket(&cluster, &database), no_secrets(), true).unwrap();
    cluster.run(&database, "INSERT INTO schema_migrations VALUES (9999, 0)");
    assert!(refusal(&database).contains("run the newer version"));
    let migrating = PostgresStore::open(&by_socket(&cluster, &database), no_secrets(), true);
    assert!(migrating.err().unwrap().to_string().contains("run the newer version"));
}
