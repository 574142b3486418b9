//! A process that ends at a chosen point of a card's way, and what its successor
//! makes of it, on each store.

use crate::Outcome;
use crate::cardholder::{Cardholder, LIFE, filled};
use crate::client::Shown;
use crate::database::{Cluster, Store};
use crate::hand::Strikes;
use crate::ledger::Books;
use crate::random::Random;
use crate::report::Row;
use crate::settle::settle;
use crate::world::{Plan, World};
use futures_util::future::try_join_all;
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_mins(1);
const SIGABRT: i32 = 6;

/// Where a process ends, and how often the provider and the merchant are then
/// called for one session.
struct Point {
    name: &'static str,
    tokens: usize,
    callbacks: usize,
}

const POINTS: [Point; 4] = [
    // The card has not left: it is sent once, later.
    Point { name: "after-claim", tokens: 1, callbacks: 1 },
    // The token is lost, and another asked for.
    Point { name: "after-provider", tokens: 2, callbacks: 1 },
    Point { name: "after-commit", tokens: 1, callbacks: 1 },
    // Nobody knows that it arrived: it comes again.
    Point { name: "after-callback", tokens: 1, callbacks: 2 },
];

/// Every point on every store, side by side; a row for each store.
pub async fn all(folder: &Path, cluster: &Cluster, mut random: Random) -> Outcome<Vec<Row>> {
    let mut runs = Vec::new();
    for store in [Store::Sqlite, Store::Postgres(cluster.clone())] {
        let name = format!("failpoints, {}", store.name());
        let points: Vec<_> = POINTS.iter().map(|point| end_at(folder, store.clone(), point, random.fork())).collect();
        runs.push(async { Ok(together(name, try_join_all(points).await?)) });
    }
    try_join_all(runs).await
}

fn together(name: String, all: Vec<Books>) -> Row {
    let strikes = Strikes { processes: all.len(), databases: 0 };
    let losses = all.iter().flat_map(Books::losses).collect();
    let books = all.into_iter().fold(Books::default(), Books::and);
    Row { name, strikes, books, losses }
}

async fn end_at(folder: &Path, store: Store, point: &Point, mut random: Random) -> Outcome<Books> {
    let name = format!("{}, {}", point.name, store.name());
    let plan = Plan { store, processes: 1, is_steady: true, failpoint: Some(point.name) };
    let world = World::start(folder.join(&name), plan, random.fork()).await?;
    let process = &world.processes[0];
    let address = process.address()?;
    let session = world.create(address, LIFE).await?;
    let Shown::Form(token) = world.client.get(address, &session.path).await?.shown() else {
        return Err(format!("{name}: the page shows no form").into());
    };
    // Whether it is answered depends on the point.
    let _ = world.client.post(address, &session.path, filled(&token, &world.card())).await;
    let deadline = Instant::now() + PATIENCE;
    while process.ended()?.is_none() && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    if process.ended()?.and_then(|status| status.signal()) != Some(SIGABRT) {
        world.fault(format!("{name}: the process did not end there"));
    }
    process.kill()?;
    process.start(None)?;
    world.is_ready().await?;
    let mut cardholder = Cardholder { world: &world, random: random.fork(), is_over: &Cell::new(false) };
    if !cardholder.pay(&session, PATIENCE).await? {
        world.fault(format!("{name}: the session has no end"));
    }
    while world.upstream.received().len() < point.callbacks && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    let found = (world.upstream.issued().len(), world.upstream.received().len());
    if found != (point.tokens, point.callbacks) {
        world.fault(format!("{name}: {} tokens and {} callbacks", found.0, found.1));
    }
    settle(&world, &mut random).await
}
