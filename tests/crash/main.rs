//! Whether a hand-off can be lost: processes and their database die at random
//! points and at chosen ones, and a ledger of what was seen from outside tells
//! what became of every session. docs/testing.md tells what it promises. Run by
//! `tests/crash/run.sh`.

#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test")]

mod cardholder;
mod client;
mod database;
mod disk;
mod failpoints;
mod hand;
mod killing;
mod late;
mod ledger;
#[path = "../shared/multipart.rs"]
mod multipart;
#[path = "../shared/operator.rs"]
mod operator;
mod outages;
#[path = "../shared/postgres.rs"]
mod postgres;
mod process;
mod random;
mod report;
#[path = "../shared/result.rs"]
mod result;
mod settle;
mod tamper;
#[path = "../shared/trust.rs"]
mod trust;
mod upstream;
mod world;

use clap::Parser;
use database::{Cluster, Store};
use futures_util::future::{join, join3};
use killing::killing;
use random::Random;
use report::Row;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What every step gives: this program's faults are for its reader alone.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const VEZNE: &str = env!("CARGO_BIN_EXE_vezne");
/// How long the hand strikes.
const SHORT: Duration = Duration::from_secs(12);
const LONG: Duration = Duration::from_mins(1);

/// The longest that a run may take, whatever is broken.
const BOUND: Duration = Duration::from_mins(10);

/// Kill vezne and its database while cardholders pay, and look for what was lost.
#[derive(Parser)]
#[command(name = "run.sh")]
struct Args {
    /// A minute of killing for each store
    #[arg(long)]
    long: bool,
    /// The plan of an earlier run
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only this part
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// An empty folder; without one only the ledger is tested
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match actix_web::rt::System::new().block_on(run_in_time(&args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was started ends with the run, also when that is told to stop.
async fn run_in_time(args: &Args) -> Outcome<bool> {
    let stopped = vezne::server::shutdown_signal()?;
    tokio::select! {
        done = run(args) => done,
        () = stopped => Err("stopped".into()),
        () = tokio::time::sleep(BOUND) => Err("it does not come to an end".into()),
    }
}

async fn run(args: &Args) -> Outcome<bool> {
    let begin = Instant::now();
    let spoiled = tamper::spoiled_books_are_found_out(&tamper::small_books())?;
    println!("ledger: spoiled in {spoiled} ways, found out in all");
    let Some(folder) = &args.folder else {
        println!("the rest is run by tests/crash/run.sh");
        return Ok(true);
    };
    let seed = args.seed.unwrap_or_else(new_seed);
    println!("seed {seed}");
    let rows = rows(args, folder, seed).await?;
    report::table(&rows);
    let losses: usize = rows.iter().map(|row| row.losses.len()).sum();
    println!("{losses} losses; took {} s", begin.elapsed().as_secs());
    Ok(losses == 0)
}

/// What a run is made of.
#[derive(Clone, Copy, Eq, PartialEq, clap::ValueEnum)]
enum Part {
    Killing,
    Failpoints,
    Late,
    Outages,
}

/// The killing of both stores side by side, then all that waits more than it works.
async fn rows(args: &Args, folder: &Path, seed: u64) -> Outcome<Vec<Row>> {
    let mut random = Random::from_seed(seed);
    let time = if args.long { LONG } else { SHORT };
    let is_asked = |part| args.only.is_none_or(|only| only == part);
    let [alone, together, points, late, outages] = [(); 5].map(|()| random.fork());
    let cluster = Cluster::start().await?;
    let mut rows = Vec::new();
    if is_asked(Part::Killing) {
        let server = Store::Postgres(cluster.clone());
        let (file, server) =
            join(killing(folder, Store::Sqlite, alone, time), killing(folder, server, together, time)).await;
        rows.extend([file?, server?]);
    }
    let points = async {
        if is_asked(Part::Failpoints) { failpoints::all(folder, &cluster, points).await } else { Ok(Vec::new()) }
    };
    let late = async {
        if is_asked(Part::Late) {
            late::late(folder, &cluster, late).await.map(|row| vec![row])
        } else {
            Ok(Vec::new())
        }
    };
    let outages = async { if is_asked(Part::Outages) { outages::all(folder, outages).await } else { Ok(Vec::new()) } };
    let (points, late, outages) = join3(points, late, outages).await;
    Ok([rows, points?, late?, outages?].concat())
}

/// Small enough to be typed again.
fn new_seed() -> u64 {
    let nanoseconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    u64::from(nanoseconds) % 1_000_000
}
