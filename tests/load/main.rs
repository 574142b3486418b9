//! vezne and nginx under the same journeys, side by side; docs/speed.md tells
//! what the figures mean. Run by `tests/load/run.sh`, which builds and pins.

#![forbid(unsafe_code)]
// Counts of journeys and KiB are far from where f64 leaves out whole numbers.
#![allow(clippy::cast_precision_loss)]

mod client;
mod load;
mod machine;
#[path = "../shared/operator.rs"]
mod operator;
mod process;
mod report;
mod rounds;
mod standing;
#[path = "../shared/trust.rs"]
mod trust;
mod upstream;
mod window;
mod yardstick;

use clap::Parser;
use client::KeyExchange;
use load::Pace;
use rounds::{Contender, Figures, alternate};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;
use upstream::Upstream;
use vezne::residue::RandomCards;
use window::Window;
use yardstick::Yardstick;

/// What every step gives: this program's faults are for its reader alone.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Cards are the same in every run.
const SEED: u64 = 0x76_657a_6e65;
/// What `--danger-leave-out` takes. Connections are closed all the same: the
/// client of this run waits for their end, as a browser does not.
const ALL_PARTS: [&str; 6] = ["allocator", "heads", "pool-scrub", "registers", "stack", "upstream-retirement"];
/// Stored sessions of the smaller store.
const FEW: usize = 100;

/// Measure journeys per second, latency, CPU and memory of vezne against nginx.
#[derive(Parser)]
#[command(name = "run.sh")]
struct Args {
    /// Journeys in a round
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u16).range(100..))]
    journeys: u16,
    /// Rounds of each server
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Journeys at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..))]
    concurrency: u8,
    /// Sessions in the larger of the two stores that are compared
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    stored: u32,
    /// Give every session a callbackUrl; the time of callbacks is then part of the CPU per journey
    #[arg(long)]
    callbacks: bool,
    /// Measure what the memory hygiene and the hardening cost instead: vezne against itself without them
    #[arg(long)]
    cost: bool,
    /// A look in half a minute: 2 rounds of 200 journeys, 1000 stored sessions
    #[arg(long)]
    quick: bool,
    /// The vezne to measure
    #[arg(long, hide = true)]
    vezne: PathBuf,
    /// The nginx to measure
    #[arg(long, hide = true)]
    nginx: String,
    /// An empty folder on the disk to measure
    #[arg(long, hide = true)]
    folder: PathBuf,
    /// What was built
    #[arg(long, hide = true)]
    commit: String,
}

/// The parts of a run that its steps share.
struct Run {
    args: Args,
    upstream: Upstream,
    exchange: KeyExchange,
    cards: RandomCards,
}

fn main() -> Outcome<()> {
    let mut args = Args::parse();
    if args.quick {
        (args.journeys, args.rounds, args.stored) = (200, 2, 1000);
    }
    actix_rt::System::new().block_on(measure(args))
}

async fn measure(args: Args) -> Outcome<()> {
    let upstream = Upstream::start(&args.folder.join("upstream"))?;
    let yardstick = Yardstick::install(&args.nginx, &args.folder.join("nginx"), &upstream)?;
    let mut run = Run { exchange: yardstick.exchange, args, upstream, cards: RandomCards::from_seed(SEED) };
    run.head()?;
    if run.args.cost {
        return run.cost().await;
    }
    run.side_by_side(&yardstick).await?;
    run.standing().await?;
    run.stored().await
}

impl Run {
    fn head(&self) -> Outcome<()> {
        let Args { journeys, rounds, concurrency, callbacks, commit, folder, .. } = &self.args;
        println!("- Commit {commit}; {}.", machine::description()?);
        println!("- {rounds} alternating rounds of {journeys} journeys, {concurrency} at a time.");
        println!("- TLS 1.3, {}, AES-128-GCM, ECDSA P-256, no resumption.", self.exchange.name());
        println!("- SQLite synchronous=FULL; a page and its fdatasync take {:.0} µs.", machine::fsync_us(folder)?);
        println!("- Callbacks {}; vezne logs at warn, nginx has no access log.", if *callbacks { "on" } else { "off" });
        Ok(())
    }

    fn window(&self, name: &str) -> Outcome<Window> {
        Window::install(&self.args.vezne, &self.args.folder.join(name), &self.upstream, self.args.callbacks)
    }

    /// vezne and nginx as fast as they can, then at half of the slower one's rate.
    async fn side_by_side(&mut self, yardstick: &Yardstick) -> Outcome<()> {
        let window = self.window("window")?;
        let vezne = self.contender(&window)?;
        let page = self.first_page(&vezne).await?;
        standing::page(&page)?;
        let client = Rc::new(yardstick.client(self.exchange)?);
        let nginx = Contender { process: yardstick.start(&std::fs::read(&page)?)?, client, window: None };
        let (both, names) = ([&vezne, &nginx], ["vezne", "nginx"]);
        let (rounds, count) = (usize::from(self.args.rounds), usize::from(self.args.journeys));
        let fast = Pace::Concurrent(usize::from(self.args.concurrency));
        let (begin, busy_before) = (Instant::now(), Busy::now(both)?);
        alternate(both, 1, count / 10, fast, &self.upstream, &mut self.cards).await?;
        let full = alternate(both, rounds, count, fast, &self.upstream, &mut self.cards).await?;
        report::full_load(names, pair(&full));
        let even = Pace::PerSecond(half_of_the_slower(&full));
        let half = alternate(both, rounds, count / 2, even, &self.upstream, &mut self.cards).await?;
        report::half_load(names, pair(&half));
        let others = Busy::now(both)?.others_since(&busy_before) / begin.elapsed().as_secs_f64();
        println!("\n- Other processes of the machine kept {others:.2} cores busy meanwhile.");
        let [vezne, nginx] = both.map(|contender| contender.process.resident_kib().map(standing::mib));
        println!("- Memory (RSS) after these rounds: vezne {:.1} MiB, nginx {:.1} MiB.", vezne?, nginx?);
        Ok(())
    }

    /// What is measured of vezne alone.
    async fn standing(&mut self) -> Outcome<()> {
        let starts = if self.args.quick { 3 } else { 11 };
        standing::memory(&self.window("memory")?, self.exchange, &mut self.cards).await?;
        standing::start(&self.window("start")?, self.exchange, starts, &mut self.cards).await
    }

    /// The same journeys on a small and on a large store.
    async fn stored(&mut self) -> Outcome<()> {
        let many = usize::try_from(self.args.stored)?;
        let windows = [(self.window("few")?, FEW), (self.window("many")?, many)];
        let mut contenders = Vec::new();
        for (window, stored) in &windows {
            let contender = self.contender(window)?;
            contender.journeys(*stored, &mut self.cards).await?;
            contenders.push(contender);
        }
        let (rounds, count) = (usize::from(self.args.rounds), usize::from(self.args.journeys) / 4);
        let both = [&contenders[1], &contenders[0]];
        let pace = Pace::Concurrent(usize::from(self.args.concurrency));
        alternate(both, 1, count / 10, pace, &self.upstream, &mut self.cards).await?;
        let figures = alternate(both, rounds, count, pace, &self.upstream, &mut self.cards).await?;
        let names = [many, FEW].map(|stored| format!("vezne, {stored} stored sessions"));
        report::full_load([&names[0], &names[1]], pair(&figures));
        Ok(())
    }

    /// The whole product against itself without its allocator, and without
    /// everything that can be left out.
    async fn cost(&mut self) -> Outcome<()> {
        let variants: [(&str, &[&str]); 3] =
            [("vezne", &[]), ("without the allocator", &["allocator"]), ("without any of it", &ALL_PARTS)];
        let windows = [self.window("all")?, self.window("no-allocator")?, self.window("nothing")?];
        let mut contenders = Vec::new();
        for (window, (_, parts)) in windows.iter().zip(variants) {
            let client = Rc::new(window.client(self.exchange)?);
            contenders.push(Contender { process: window.start_without(parts)?, client, window: Some(window) });
        }
        let three = [&contenders[0], &contenders[1], &contenders[2]];
        let (rounds, count) = (usize::from(self.args.rounds), usize::from(self.args.journeys));
        let pace = Pace::Concurrent(usize::from(self.args.concurrency));
        alternate(three, 1, count / 10, pace, &self.upstream, &mut self.cards).await?;
        let figures = alternate(three, rounds, count, pace, &self.upstream, &mut self.cards).await?;
        for other in [1, 2] {
            report::full_load([variants[0].0, variants[other].0], [&figures[0], &figures[other]]);
        }
        for (contender, (name, _)) in contenders.iter().zip(variants) {
            println!("- Memory (RSS) of {name}: {:.1} MiB.", standing::mib(contender.process.resident_kib()?));
        }
        Ok(())
    }

    fn contender<'a>(&self, window: &'a Window) -> Outcome<Contender<'a>> {
        let client = Rc::new(window.client(self.exchange)?);
        Ok(Contender { process: window.start()?, client, window: Some(window) })
    }

    /// A session's page, in a file.
    async fn first_page(&mut self, vezne: &Contender<'_>) -> Outcome<PathBuf> {
        let journey = vezne.journeys(1, &mut self.cards).await?.remove(0);
        let page = vezne.client.page(&mut vezne.client.connect().await?, &journey.page).await?;
        let file = self.args.folder.join("page.html");
        std::fs::write(&file, &page)?;
        Ok(file)
    }
}

fn pair(figures: &[Vec<Figures>; 2]) -> [&[Figures]; 2] {
    figures.each_ref().map(Vec::as_slice)
}

/// Half of what the slower of two did in the median.
fn half_of_the_slower(full: &[Vec<Figures>; 2]) -> f64 {
    let rate = |figures: &Vec<Figures>| report::median(figures.iter().map(|figures| figures.per_second).collect());
    rate(&full[0]).min(rate(&full[1])) / 2.0
}

/// Processor time of the whole machine, and this run's part of it, in seconds.
struct Busy {
    machine: f64,
    run: f64,
}

impl Busy {
    fn now(servers: [&Contender<'_>; 2]) -> Outcome<Self> {
        let run = servers[0].process.cpu()? + servers[1].process.cpu()? + process::own_cpu()?;
        Ok(Self { machine: machine::cpu()?, run })
    }

    fn others_since(&self, before: &Self) -> f64 {
        ((self.machine - before.machine) - (self.run - before.run)).max(0.0)
    }
}
