//! What vezne costs before anybody pays: memory, the start, the page's size.

use crate::Outcome;
use crate::client::{Client, KeyExchange};
use crate::report::median;
use crate::window::Window;
use futures_util::future::try_join_all;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use vezne::residue::RandomCards;

const SESSIONS: usize = 1000;
const CONNECTIONS: usize = 500;
/// Connections that are opened at the same time.
const BATCH: usize = 25;

/// Memory with open sessions and idle connections, each of which has taken a page.
pub async fn memory(window: &Window, exchange: KeyExchange, cards: &mut RandomCards) -> Outcome<()> {
    let process = window.start()?;
    let client = window.client(exchange)?;
    let journeys = window.open_sessions(&client, SESSIONS, cards).await?;
    let before = process.resident_kib()?;
    let mut idle = Vec::with_capacity(CONNECTIONS);
    for batch in journeys[..CONNECTIONS].chunks(BATCH) {
        idle.extend(try_join_all(batch.iter().map(|journey| visit(&client, &journey.page))).await?);
    }
    let after = process.resident_kib()?;
    let open = idle.iter().filter(|connection| !connection.is_closed()).count();
    println!("- Memory (RSS) with {SESSIONS} open sessions: {:.1} MiB;", mib(before));
    println!("  with {open} idle connections besides: {:.1} MiB.", mib(after));
    Ok(())
}

async fn visit(client: &Client, page: &str) -> Outcome<crate::client::Sender> {
    let mut connection = client.connect().await?;
    client.page(&mut connection, page).await?;
    Ok(connection)
}

/// The time from the program's start to the last byte of a first page, on a
/// store that is there.
pub async fn start(window: &Window, exchange: KeyExchange, starts: usize, cards: &mut RandomCards) -> Outcome<()> {
    let client = window.client(exchange)?;
    let page = {
        let _running = window.start()?;
        window.open_sessions(&client, 1, cards).await?.remove(0).page
    };
    let mut times = Vec::with_capacity(starts);
    for _ in 0..starts {
        let begin = Instant::now();
        let _running = window.start()?;
        visit(&client, &page).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let most = times.iter().copied().fold(0.0, f64::max);
    println!("- Start to first page: {:.1} ms (median of {starts}; most {most:.1} ms).", median(times));
    Ok(())
}

/// The page's size, as it is and by `gzip -9`.
pub fn page(file: &Path) -> Outcome<()> {
    let raw = file.metadata()?.len();
    let packed = Command::new("gzip").args(["-9", "-c"]).stdin(File::open(file)?).stderr(Stdio::inherit()).output()?;
    if !packed.status.success() {
        return Err(format!("gzip: {}", packed.status).into());
    }
    println!("- The page: {raw} bytes, {} by gzip -9.", packed.stdout.len());
    Ok(())
}

/// KiB as MiB.
pub fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
