//! The schema of a PostgreSQL database: applied once, refused where it is
//! another version's.

use crate::cluster;
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
