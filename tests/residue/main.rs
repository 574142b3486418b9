//! Whether anything of a card is left when its request has ended, whatever way:
//! in the memory and the registers of the living process, in what it wrote, in
//! what it answered. docs/residue.md tells what is searched and why it is
//! believed. Run by `tests/residue/run.sh`, as root.

#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a test")]

mod behaviour;
mod broken;
mod calls;
mod cards;
mod client;
mod controls;
mod drain;
mod forms;
mod instance;
#[path = "../shared/multipart.rs"]
mod multipart;
#[path = "../shared/operator.rs"]
mod operator;
mod places;
mod report;
mod scenarios;
mod search;
mod stage;
#[path = "../shared/trust.rs"]
mod trust;
mod upstream;
mod watch;

use clap::Parser;
use controls::{Controls, settle};
use futures_util::future::try_join_all;
use instance::{Instance, Manner};
use scenarios::{SCENARIOS, Scenario};
use search::{Row, Search};
use stage::Stage;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use upstream::Upstream;
use vezne::residue::self_test;

/// What every step gives: this program's faults are for its reader alone.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const VEZNE: &str = env!("CARGO_BIN_EXE_vezne");
/// For a call of the provider where that must end in time: far more than it
/// takes on a busy machine.
const SHORT_CALL: Duration = Duration::from_secs(5);
/// The most that the configuration takes: cards are held while searches go on.
const LONG_CALL: Duration = Duration::from_mins(1);
/// Cards under way at a shutdown.
const DRAINED: (usize, usize) = (16, 64);

/// Send cards to vezne in every way there is, and look for what is left of them.
#[derive(Parser)]
#[command(name = "run.sh")]
struct Args {
    /// Ten thousand cards; a part of the recipe that nothing needs is a failure
    #[arg(long)]
    long: bool,
    /// Only scenarios whose name has this in it, and no controls
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Go without a part of the recipe
    #[arg(long, value_name = "PART")]
    leave_out: Vec<String>,
    /// Print each copy with what is around it
    #[arg(long)]
    debug: bool,
    /// An empty folder; without one nothing is done
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

/// What all steps share.
pub struct Run {
    args: Args,
    folder: PathBuf,
    upstream: Upstream,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Some(folder) = args.folder.clone() else {
        println!("residue: run by tests/residue/run.sh, as root");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(run(args, folder)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("residue: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, folder: PathBuf) -> Outcome<bool> {
    let begin = Instant::now();
    let upstream = Upstream::start(&folder.join("upstream"))?;
    let run = Run { args, folder, upstream };
    if run.args.only.is_none() {
        println!("self-test: {} planted copies found", self_test(Path::new(VEZNE))?.planted);
    }
    let mut rows = run.scenarios().await?;
    let mut controls = Controls::default();
    if run.args.only.is_none() {
        let (found, more) = run.flight().await?;
        rows.extend(more);
        controls = Controls { in_flight: Some(found), left_out: controls::left_out(&run).await? };
    }
    report::table(&rows);
    report::controls(&controls);
    let is_good = report::verdict(&rows, &controls, run.args.long);
    println!("took {} s", begin.elapsed().as_secs());
    Ok(is_good)
}

impl Run {
    /// A process of its own, without these parts and those that are left out anyway.
    pub async fn instance(&self, name: &str, parts: &[&str], provider_timeout: Duration) -> Outcome<Instance> {
        let parts = parts.iter().copied().chain(self.args.leave_out.iter().map(String::as_str)).collect();
        let manner = Manner { leave_out: parts, provider_timeout };
        Instance::start(Path::new(VEZNE), &self.folder.join(name), &self.upstream, manner).await
    }

    /// All scenarios, in one process.
    async fn scenarios(&self) -> Outcome<Vec<Row>> {
        let asked = |scenario: &&Scenario| self.args.only.as_ref().is_none_or(|text| scenario.name.contains(text));
        let asked: Vec<&Scenario> = SCENARIOS.iter().filter(asked).collect();
        let instance = self.instance("scenarios", &[], SHORT_CALL).await?;
        let mut search = Search::new(self.args.debug);
        self.play(&Stage::new(&instance, &self.upstream), &mut search, &asked).await?;
        Ok(search.rows)
    }

    /// What needs cards under way: the control, and the end of a process.
    async fn flight(&self) -> Outcome<([usize; 2], Vec<Row>)> {
        let instance = self.instance("flight", &[], LONG_CALL).await?;
        let mut search = Search::new(self.args.debug);
        let found = controls::in_flight(&Stage::new(&instance, &self.upstream), &mut search).await?;
        let cards = if self.args.long { DRAINED.1 } else { DRAINED.0 };
        drain::drain(instance, &self.upstream, &mut search, cards).await?;
        Ok((found, search.rows))
    }

    /// Plays scenarios one after the other and searches after each; those that
    /// wait, together.
    pub async fn play(&self, stage: &Stage<'_>, search: &mut Search, scenarios: &[&Scenario]) -> Outcome<()> {
        let count = |scenario: &Scenario| if self.args.long { scenario.cards.1 } else { scenario.cards.0 };
        for scenario in scenarios.iter().filter(|scenario| !scenario.waits) {
            let cards = search.row(scenario.name, count(scenario))?;
            let begin = Instant::now();
            let at_once = if scenario.one_by_one { 1 } else { cards.len() };
            for first in (0..cards.len()).step_by(at_once) {
                stage.play_some(scenario, &cards, first..first + at_once).await?;
                settle(stage, search).await?;
            }
            if self.args.debug {
                println!("{}: {} ms", scenario.name, begin.elapsed().as_millis());
            }
        }
        let waiting = scenarios.iter().filter(|scenario| scenario.waits);
        let waiting: Vec<_> = waiting
            .map(|scenario| Ok((scenario, search.row(scenario.name, count(scenario))?)))
            .collect::<Outcome<_>>()?;
        try_join_all(waiting.iter().map(|(scenario, cards)| stage.play(scenario, cards))).await?;
        settle(stage, search).await
    }
}
