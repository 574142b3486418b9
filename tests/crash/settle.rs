//! After the killing: everything runs again, and what is under way comes to its
//! end. What the API then says is the last column of the ledger.

use crate::Outcome;
use crate::cardholder::Cardholder;
use crate::ledger::{Books, Record};
use crate::random::Random;
use crate::world::World;
use serde_json::Value;
use std::cell::Cell;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The longest that leases, and callbacks with their pauses, may take.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(500);
/// For one open session that is paid after all.
const ONE_MORE: Duration = Duration::from_secs(20);
/// Of these.
const PROVEN: usize = 10;

/// Waits until nothing is claimed and every end is known, pays some sessions that
/// are open although a token was issued for them, and returns the books.
pub async fn settle(world: &World, random: &mut Random) -> Outcome<Books> {
    world.is_ready().await?;
    let books = settled(world).await?;
    prove_open(world, random, &books).await?;
    settled(world).await
}

/// The books when nothing more is to come, or when patience has ended.
async fn settled(world: &World) -> Outcome<Books> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What is received between the two could be of an end that is not yet on record.
        let records = records(world).await?;
        let books = Books { records, ..world.books() };
        if books.is_settled() || Instant::now() > deadline {
            return Ok(books);
        }
        sleep(PAUSE).await;
    }
}

/// A session that is open must take a card still.
async fn prove_open(world: &World, random: &mut Random, books: &Books) -> Outcome<()> {
    let issued: HashSet<&str> = books.issued.iter().map(|issue| &*issue.conversation).collect();
    let is_open = |record: &&Record| record.status == "open" && issued.contains(&*record.conversation);
    let open: HashSet<&str> =
        books.records.iter().filter(is_open).map(|record| &*record.session).take(PROVEN).collect();
    let is_over = Cell::new(false);
    for session in world.sessions().iter().filter(|session| open.contains(&*session.id)) {
        let mut cardholder = Cardholder { world, random: random.fork(), is_over: &is_over };
        if !cardholder.pay(session, ONE_MORE).await? {
            world.fault(format!("{} is open and takes no card", session.id));
        }
    }
    Ok(())
}

/// Every session that the API lists.
async fn records(world: &World) -> Outcome<Vec<Record>> {
    let process = world.processes[0].address()?;
    let mut records = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.api(process, "GET", &format!("/v1/sessions?limit=100{cursor}"), None).await?;
        if page.status != 200 {
            return Err(format!("the list of sessions was answered {}", page.status).into());
        }
        let page = page.json()?;
        let data = page["data"].as_array().ok_or("the list has no data")?;
        records.extend(data.iter().map(|session| record(world, session)).collect::<Outcome<Vec<_>>>()?);
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(records),
        }
    }
}

fn record(world: &World, session: &Value) -> Outcome<Record> {
    let text = |name: &str| session[name].as_str().map(str::to_owned).ok_or("a listed session lacks a field");
    Ok(Record {
        session: text("id")?,
        conversation: text("conversationId")?,
        status: text("status")?,
        token: session["cardToken"].as_str().map(str::to_owned),
        digest: text("tokenDigest")?,
        is_genuine: world.is_genuine(session),
    })
}
