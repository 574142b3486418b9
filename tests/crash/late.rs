//! A process that is frozen with a card's answer in its hands until its lease is
//! over, and comes back when another one has taken the session over.

use crate::Outcome;
use crate::cardholder::{Cardholder, LIFE, filled};
use crate::client::Shown;
use crate::database::{Cluster, Store};
use crate::hand::Strikes;
use crate::random::Random;
use crate::report::Row;
use crate::settle::settle;
use crate::world::{Plan, World};
use futures_util::future::join;
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For anything that is awaited.
const PATIENCE: Duration = Duration::from_secs(40);

/// Two processes, one session, two tokens: the first one comes too late.
pub async fn late(folder: &Path, cluster: &Cluster, mut random: Random) -> Outcome<Row> {
    let plan = Plan { store: Store::Postgres(cluster.clone()), processes: 2, is_steady: true, failpoint: None };
    let world = World::start(folder.join("late"), plan, random.fork()).await?;
    let (frozen, other) = (&world.processes[0], world.processes[1].address()?);
    let session = world.create(other, LIFE).await?;
    let Shown::Form(token) = world.client.get(other, &session.path).await?.shown() else {
        return Err("the page shows no form".into());
    };
    world.upstream.hold(true);
    let first = world.client.post(frozen.address()?, &session.path, filled(&token, &world.card()));
    let second = async {
        let deadline = Instant::now() + PATIENCE;
        while world.upstream.issued().is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        frozen.freeze().await?;
        world.upstream.hold(false);
        let is_open = async || world.client.get(other, &session.path).await.map(|page| page.shown());
        while !matches!(is_open().await?, Shown::Form(_)) && Instant::now() < deadline {
            sleep(Duration::from_millis(100)).await;
        }
        let answer = world.client.post(other, &session.path, filled(&token, &world.card())).await?;
        if !matches!(answer.shown(), Shown::Done) {
            world.fault(format!("after the lease's end a card was answered {}", answer.status));
        }
        frozen.thaw()
    };
    let (first, second) = join(first, second).await;
    second?;
    // What the late one says leads to the same end.
    if let Ok(answer) = first {
        world.witness(&session, &answer.shown());
    }
    let mut cardholder = Cardholder { world: &world, random: random.fork(), is_over: &Cell::new(false) };
    if !cardholder.pay(&session, PATIENCE).await? {
        world.fault(format!("{} has no end", session.id));
    }
    let issued = world.upstream.issued().len();
    if issued != 2 {
        world.fault(format!("{issued} tokens were issued, not 2"));
    }
    let books = settle(&world, &mut random).await?;
    let losses = books.losses();
    Ok(Row { name: "frozen process, PostgreSQL".to_owned(), strikes: Strikes::default(), books, losses })
}
