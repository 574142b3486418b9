//! Journeys at a pace, and what they took.

use crate::Outcome;
use crate::client::{Client, Journey};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// When the next journey begins.
#[derive(Clone, Copy)]
pub enum Pace {
    /// When one of this many has ended: as fast as the server can.
    Concurrent(usize),
    /// So many a second, whether or not the ones before have ended.
    PerSecond(f64),
}

/// The journeys of one run.
pub struct Load {
    /// Of every journey that went well, shortest first.
    latencies: Vec<Duration>,
    /// Why the others did not.
    pub faults: Vec<String>,
    /// From the first beginning to the last end.
    pub wall: Duration,
}

impl Load {
    /// Runs all journeys to their ends.
    pub async fn run(client: &Rc<Client>, journeys: Vec<Journey>, pace: Pace) -> Outcome<Self> {
        let begin = Instant::now();
        let ended = match pace {
            Pace::Concurrent(number) => concurrent(client, journeys, number).await?,
            Pace::PerSecond(rate) => evenly(client, journeys, rate).await?,
        };
        let wall = begin.elapsed();
        let (mut latencies, mut faults) = (Vec::with_capacity(ended.len()), Vec::new());
        for (latency, outcome) in ended {
            match outcome {
                Ok(()) => latencies.push(latency),
                Err(error) => faults.push(error),
            }
        }
        latencies.sort_unstable();
        Ok(Self { latencies, faults, wall })
    }

    /// Journeys that went well.
    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that `percent` of the journeys did not exceed (nearest
    /// rank, from every sample), in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

type Ended = (Duration, Result<(), String>);

async fn travel(client: &Client, journey: &Journey) -> Ended {
    let begin = Instant::now();
    let outcome = client.travel(journey).await.map_err(|error| error.to_string());
    (begin.elapsed(), outcome)
}

async fn concurrent(client: &Rc<Client>, journeys: Vec<Journey>, number: usize) -> Outcome<Vec<Ended>> {
    let queue = Rc::new(RefCell::new(journeys.into_iter()));
    let traveller = |_| {
        let (client, queue) = (Rc::clone(client), Rc::clone(&queue));
        actix_rt::spawn(async move {
            let mut ended = Vec::new();
            loop {
                let Some(journey) = queue.borrow_mut().next() else { return ended };
                ended.push(travel(&client, &journey).await);
            }
        })
    };
    let travellers: Vec<_> = (0..number).map(traveller).collect();
    let mut ended = Vec::new();
    for traveller in travellers {
        ended.extend(traveller.await?);
    }
    Ok(ended)
}

async fn evenly(client: &Rc<Client>, journeys: Vec<Journey>, rate: f64) -> Outcome<Vec<Ended>> {
    let (begin, mut travellers) = (tokio::time::Instant::now(), Vec::with_capacity(journeys.len()));
    for (index, journey) in (0u32..).zip(journeys) {
        sleep_until(begin + Duration::from_secs_f64(f64::from(index) / rate)).await;
        let client = Rc::clone(client);
        travellers.push(actix_rt::spawn(async move { travel(&client, &journey).await }));
    }
    let mut ended = Vec::with_capacity(travellers.len());
    for traveller in travellers {
        ended.push(traveller.await?);
    }
    Ok(ended)
}
