//! A database that is away for a while: stopped, frozen, read-only, full. Whoever
//! asks meanwhile gets a clear error, a token that is on its way is kept, and all
//! goes on without a restart when it is back.

use crate::Outcome;
use crate::cardholder::{Cardholder, LIFE, filled};
use crate::client::{Answer, Shown};
use crate::database::{Cluster, Store};
use crate::disk::Disk;
use crate::hand::Strikes;
use crate::postgres::Postgres;
use crate::random::Random;
use crate::report::Row;
use crate::settle::settle;
use crate::world::{Plan, Session, World};
use futures_util::future::{join, join4};
use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For anything that is awaited.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an outage goes on after a token was given out in it.
const LATER: Duration = Duration::from_secs(1);

/// How a database is away.
#[derive(Clone, Copy)]
enum Outage<'a> {
    Stopped(&'a Cluster),
    Frozen(&'a Cluster),
    ReadOnly(&'a Cluster),
    Full(&'a Disk),
}

impl Outage<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Stopped(_) => "stopped server",
            Self::Frozen(_) => "frozen server",
            Self::ReadOnly(_) => "read-only server",
            Self::Full(_) => "full disk",
        }
    }

    /// Whether a session's page can still be read.
    fn can_be_read(self) -> bool {
        matches!(self, Self::ReadOnly(_) | Self::Full(_))
    }

    async fn begin(self) -> Outcome<()> {
        match self {
            Self::Stopped(cluster) => cluster.run(Postgres::stop).await,
            Self::Frozen(cluster) => cluster.run(Postgres::freeze).await,
            Self::ReadOnly(cluster) => read_only(cluster, "ALTER SYSTEM SET default_transaction_read_only = on").await,
            Self::Full(disk) => disk.fill(),
        }
    }

    async fn end(self) -> Outcome<()> {
        match self {
            Self::Stopped(cluster) => cluster.run(Postgres::start_again).await,
            Self::Frozen(cluster) => cluster.run(Postgres::thaw).await,
            Self::ReadOnly(cluster) => read_only(cluster, "ALTER SYSTEM RESET default_transaction_read_only").await,
            Self::Full(disk) => disk.empty(),
        }
    }
}

async fn read_only(cluster: &Cluster, change: &'static str) -> Outcome<()> {
    let apply = move |cluster: &Postgres| {
        cluster.run("postgres", change);
        cluster.run("postgres", "SELECT pg_reload_conf()");
    };
    cluster.run(apply).await
}

/// Every outage of each store.
pub async fn all(folder: &Path, mut random: Random) -> Outcome<Vec<Row>> {
    let (one, other) = (random.fork(), random.fork());
    let (disk, server) = join(on_disk(folder, one), on_server(folder, other)).await;
    Ok(disk?.into_iter().chain([server?]).collect())
}

/// One after the other, over one window.
async fn on_server(folder: &Path, mut random: Random) -> Outcome<Row> {
    let cluster = Cluster::start().await?;
    let world = start(folder, "outages-server", Store::Postgres(cluster.clone()), &mut random).await?;
    for outage in [Outage::Stopped(&cluster), Outage::Frozen(&cluster), Outage::ReadOnly(&cluster)] {
        suffer(&world, outage, &mut random).await?;
    }
    row(&world, "outages, PostgreSQL", Strikes { processes: 0, databases: 3 }, &mut random).await
}

/// Nothing where this user may not mount.
async fn on_disk(folder: &Path, mut random: Random) -> Outcome<Option<Row>> {
    let disk = match Disk::mount(folder.join("disk")) {
        Ok(disk) => disk,
        Err(error) => {
            println!("SKIPPED, needs root: full disk and read-only disk ({error})");
            return Ok(None);
        }
    };
    let world = start(folder, "outages-disk", Store::Disk(disk.path().to_owned()), &mut random).await?;
    suffer(&world, Outage::Full(&disk), &mut random).await?;
    refuse_to_start(&world, &disk, &mut random).await?;
    row(&world, "outages, SQLite", Strikes { processes: 1, databases: 2 }, &mut random).await.map(Some)
}

async fn start(folder: &Path, name: &str, store: Store, random: &mut Random) -> Outcome<World> {
    let plan = Plan { store, processes: 1, is_steady: true, failpoint: None };
    World::start(folder.join(name), plan, random.fork()).await
}

/// One card is with the provider when the outage begins, one is sent in it, and
/// one afterwards.
async fn suffer(world: &World, outage: Outage<'_>, random: &mut Random) -> Outcome<()> {
    let process = world.processes[0].address()?;
    let (waiting, (early, early_token)) = (open(world, process).await?, open(world, process).await?);
    let issued = world.upstream.issued().len();
    world.upstream.hold(true);
    let on_its_way = world.client.post(process, &early.path, filled(&early_token, &world.card()));
    let meanwhile = async {
        let deadline = Instant::now() + PATIENCE;
        while world.upstream.issued().len() == issued && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        outage.begin().await?;
        // Given out now, in the middle of it.
        world.upstream.hold(false);
        complain(world, outage, process, &waiting).await?;
        sleep(LATER).await;
        outage.end().await
    };
    let (answer, ended) = join(on_its_way, meanwhile).await;
    ended?;
    match answer.map(|answer| answer.shown()) {
        Ok(Shown::Done) => {}
        _ => world.fault(format!("{}: a token that was on its way was not kept", outage.name())),
    }
    recover(world, outage.name(), random).await?;
    pay(world, &waiting.0, random).await?;
    pay(world, &early, random).await
}

/// A new session and the token of its form.
async fn open(world: &World, process: SocketAddr) -> Outcome<(Session, String)> {
    let session = world.create(process, LIFE).await?;
    let Shown::Form(token) = world.client.get(process, &session.path).await?.shown() else {
        return Err("the page shows no form".into());
    };
    Ok((session, token))
}

/// Everybody who asks in an outage is told so.
async fn complain(world: &World, outage: Outage<'_>, process: SocketAddr, waiting: &(Session, String)) -> Outcome<()> {
    let (session, token) = waiting;
    let (created, ready, page, submitted) = join4(
        world.api(process, "POST", "/v1/sessions", Some(world.wanted(LIFE))),
        unready(world, process),
        world.client.get(process, &session.path),
        world.client.post(process, &session.path, filled(token, &world.card())),
    )
    .await;
    let wrong = |what: &str, answer: &Answer| {
        let text = String::from_utf8_lossy(&answer.body);
        world.fault(format!("{}: {what}: {} {text}", outage.name(), answer.status));
    };
    let created = created?;
    let problem = created.json().unwrap_or_default();
    if created.status != 503 || !problem["type"].as_str().unwrap_or_default().ends_with("/problems/unavailable") {
        wrong("a session was asked for", &created);
    }
    let ready = ready?;
    if ready.status != 503 {
        wrong("/readyz", &ready);
    }
    let page = page?;
    if !outage.can_be_read() && !matches!(page.shown(), Shown::Trouble) {
        wrong("the page", &page);
    }
    let submitted = submitted?;
    if !matches!(submitted.shown(), Shown::Trouble) || !submitted.is_page() {
        wrong("a card", &submitted);
    }
    Ok(())
}

/// What `/readyz` says as soon as it says something else than 200: what it has
/// found out a moment ago it may repeat.
async fn unready(world: &World, process: SocketAddr) -> Outcome<Answer> {
    let deadline = Instant::now() + LATER * 3;
    loop {
        let answer = world.client.get(process, "/readyz").await?;
        if answer.status != 200 || Instant::now() > deadline {
            return Ok(answer);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The same process is ready again.
async fn recover(world: &World, name: &str, random: &mut Random) -> Outcome<()> {
    let process = &world.processes[0];
    let deadline = Instant::now() + PATIENCE;
    let is_ready = async || world.client.get(process.address()?, "/readyz").await.map(|answer| answer.status == 200);
    while !is_ready().await.unwrap_or(false) {
        if !process.is_alive() || Instant::now() > deadline {
            return Err(format!("{name}: the process does not recover").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    let (session, _) = open(world, process.address()?).await?;
    pay(world, &session, random).await
}

async fn pay(world: &World, session: &Session, random: &mut Random) -> Outcome<()> {
    let mut cardholder = Cardholder { world, random: random.fork(), is_over: &Cell::new(false) };
    if !cardholder.pay(session, PATIENCE).await? {
        world.fault(format!("{} has no end", session.id));
    }
    Ok(())
}

/// A file that is open to write keeps its disk from becoming read-only: it is
/// one when a process starts.
async fn refuse_to_start(world: &World, disk: &Disk, random: &mut Random) -> Outcome<()> {
    const NAME: &str = "read-only disk";
    let process = &world.processes[0];
    process.kill()?;
    let said = fs::read_to_string(process.log())?.len();
    disk.protect(true)?;
    process.start(None)?;
    let deadline = Instant::now() + PATIENCE;
    while process.is_alive() && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
    let code = process.ended()?.and_then(|status| status.code());
    let said = fs::read_to_string(process.log())?.split_off(said);
    if code != Some(crate::world::UNAVAILABLE) || !said.contains("read") {
        world.fault(format!("{NAME}: ended with {code:?}: {said}"));
    }
    disk.protect(false)?;
    process.kill()?;
    process.start(None)?;
    world.is_ready().await?;
    recover(world, NAME, random).await
}

async fn row(world: &World, name: &str, strikes: Strikes, random: &mut Random) -> Outcome<Row> {
    let books = settle(world, random).await?;
    let losses = books.losses();
    Ok(Row { name: name.to_owned(), strikes, books, losses })
}
