//! Servers under the same load, in turns: what happens to the machine
//! meanwhile happens to all.

use crate::Outcome;
use crate::client::{Client, Journey};
use crate::load::{Load, Pace};
use crate::process::{Process, own_cpu};
use crate::upstream::Upstream;
use crate::window::Window;
use crate::yardstick::Yardstick;
use std::rc::Rc;
use std::time::{Duration, Instant};
use vezne::residue::RandomCards;

/// More journeys than this share that fail make a run worthless.
const FAULTS: f64 = 0.001;
/// How long the callbacks of a round may take to arrive.
const CALLBACKS: Duration = Duration::from_mins(2);

/// A server and how it is used.
pub struct Contender<'a> {
    pub process: Process,
    pub client: Rc<Client>,
    /// The window whose sessions it serves; nginx has none.
    pub window: Option<&'a Window>,
}

/// What one round showed.
#[derive(Clone, Copy)]
pub struct Figures {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The server's processor time, in microseconds.
    pub cpu_us: f64,
    /// The share of the server's core that it used.
    pub server_busy: f64,
    /// The share of the other core that the generator and the upstream used.
    pub generator_busy: f64,
}

impl Contender<'_> {
    /// Ways through this server; creates the sessions that they need.
    pub async fn journeys(&self, count: usize, cards: &mut RandomCards) -> Outcome<Vec<Journey>> {
        match self.window {
            Some(window) => window.open_sessions(&self.client, count, cards).await,
            None => Ok(Yardstick::journeys(count, cards)),
        }
    }

    /// One round, sessions created beforehand.
    pub async fn round(
        &self,
        count: usize,
        pace: Pace,
        upstream: &Upstream,
        cards: &mut RandomCards,
    ) -> Outcome<Figures> {
        let journeys = self.journeys(count, cards).await?;
        let callbacks = upstream.callbacks();
        let (server, generator) = (self.process.cpu()?, own_cpu()?);
        let load = Load::run(&self.client, journeys, pace).await?;
        let generator = own_cpu()? - generator;
        check(&load, count)?;
        if self.window.is_some_and(Window::calls_back) {
            arrive(upstream, callbacks + load.count()).await?;
        }
        let server = self.process.cpu()? - server;
        let (done, wall) = (count as f64, load.wall.as_secs_f64());
        Ok(Figures {
            per_second: done / wall,
            p50_ms: load.percentile_ms(50),
            p99_ms: load.percentile_ms(99),
            cpu_us: server * 1e6 / done,
            server_busy: server / wall,
            generator_busy: generator / wall,
        })
    }
}

/// Rounds of each, one after the other.
pub async fn alternate<const N: usize>(
    contenders: [&Contender<'_>; N],
    rounds: usize,
    count: usize,
    pace: Pace,
    upstream: &Upstream,
    cards: &mut RandomCards,
) -> Outcome<[Vec<Figures>; N]> {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (contender, figures) in contenders.iter().zip(&mut figures) {
            figures.push(contender.round(count, pace, upstream, cards).await?);
        }
    }
    Ok(figures)
}

fn check(load: &Load, count: usize) -> Outcome<()> {
    if let Some(fault) = load.faults.first() {
        eprintln!("{} of {count} journeys failed; the first: {fault}", load.faults.len());
    }
    if load.faults.len() as f64 > count as f64 * FAULTS {
        return Err("too many journeys failed".into());
    }
    Ok(())
}

/// Waits for callbacks, which are part of what a journey costs.
async fn arrive(upstream: &Upstream, expected: usize) -> Outcome<()> {
    let begin = Instant::now();
    while upstream.callbacks() < expected {
        if begin.elapsed() > CALLBACKS {
            return Err(format!("{} callbacks did not arrive", expected - upstream.callbacks()).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
