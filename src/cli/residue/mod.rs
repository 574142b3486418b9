//! `vezne doctor --residue`: sends random cards to a running instance and then
//! searches its memory, its registers, its log and its store for them.

mod cardholder;
mod client;
mod connections;
mod table;

use super::Failure;
use super::merchant::Admin;
use crate::config::{Backend, Config};
use crate::hardening::Fingerprint;
use crate::merchant::Mode;
use crate::residue::{self, Needles, RandomCards, Registers, Report};
use cardholder::{Merchant, Typed, Way};
use clap::ValueHint;
use client::Client;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use table::{Looked, Sent};
use zeroize::Zeroizing;

/// How long a card in flight may take to be seen, below the form's own deadline.
const IN_FLIGHT: Duration = Duration::from_secs(7);
/// Fresh numbers for those that the process holds by chance.
const DRAWS: usize = 5;

/// What the search needs beside the configuration.
#[derive(clap::Args)]
#[group(id = "residue_search")]
pub struct Args {
    /// Send random cards to the running window, then search its memory for them (root or the same user)
    #[arg(long, requires_all = ["pid", "api_key_file"])]
    residue: bool,
    /// The window's process
    #[arg(long, requires = "residue")]
    pid: Option<u32>,
    /// A file with a merchant's API key of test mode
    #[arg(long, value_name = "FILE", requires = "residue", value_hint = ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// How many cards to send
    #[arg(long, default_value_t = 100, requires = "residue", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    cards: u16,
    /// The window's log, to be searched too
    #[arg(long, value_name = "FILE", requires = "residue", value_hint = ValueHint::FilePath)]
    log: Option<PathBuf>,
    /// Where the process listens, if not at the configuration's first address
    #[arg(long, requires = "residue")]
    address: Option<SocketAddr>,
    /// Show what stands around each copy, digits masked; it can hold other secrets
    #[arg(long, requires = "residue")]
    context: bool,
}

impl Args {
    /// The process, if a search is asked for.
    pub fn process(&self) -> Option<u32> {
        self.pid.filter(|_| self.residue)
    }
}

/// One search of one instance.
struct Examination<'a> {
    args: &'a Args,
    pid: u32,
    store: Option<PathBuf>,
    merchant: Merchant<'a>,
}

/// Searches and prints what it did.
///
/// # Errors
/// [`Failure`]: a copy was left, the search is not to be believed, or it cannot be done.
pub fn run(config: &Config, args: &Args, pid: u32) -> Result<(), Failure> {
    let api_key = args.api_key_file.as_deref().map(test_key).transpose()?.unwrap_or_default();
    let return_url = return_url(config, &api_key)?;
    let client = Client::new(config, args.address).map_err(unavailable("the window"))?;
    self_test()?;
    let merchant = Merchant { client: &client, api_key: &api_key, return_url: &return_url };
    let examination = Examination { args, pid, store: store_file(config), merchant };
    examination.run()
}

fn self_test() -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(unavailable("this program"))?;
    let tested = residue::self_test(&program).map_err(|error| Failure::internal(error.to_string()))?;
    let registers = match tested.registers {
        Registers::NotScanned(why) => format!("; registers not searched: {why}"),
        _ => String::new(),
    };
    println!("ok    self-test: {} planted copies found, none where none was{registers}", tested.planted);
    Ok(())
}

/// Live keys are for live cards: never here.
fn test_key(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(file).map_err(unavailable(&file.display().to_string()))?;
    let text = Zeroizing::new(text);
    let key = Zeroizing::new(text.trim().to_owned());
    if key.starts_with("vz_test_") {
        return Ok(key);
    }
    let file = file.display();
    Err(Failure::usage(format!("{file}: not a test key (vz_test_…); random cards are for test mode alone")))
}

/// The store's file, where it is one: another machine's is not searched.
fn store_file(config: &Config) -> Option<PathBuf> {
    match &config.store.backend {
        Backend::Sqlite(path) => Some(path.clone()),
        Backend::Postgres(_) => None,
    }
}

/// An address that the key's merchant may name.
fn return_url(config: &Config, api_key: &str) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::internal(error.to_string()))?;
    let found = runtime.block_on(Admin::open(config)?.authenticate(Fingerprint::of(api_key)))?;
    let found = found.filter(|found| found.mode == Mode::Test);
    let found = found.ok_or_else(|| Failure::usage("no merchant of this store has the key"))?;
    let entry = found.merchant.allow_list.entries().next().map(str::to_owned);
    entry.ok_or_else(|| Failure::usage("the merchant has no allowed address"))
}

impl Examination<'_> {
    fn run(&self) -> Result<(), Failure> {
        let (cards, needles, before) = self.draw()?;
        let in_flight = self.control(&cards)?;
        let sent = self.send(&cards[1..])?;
        let client = self.merchant.client;
        connections::wait_for_end(self.pid, client.server_port(), &client.ports())
            .map_err(unavailable("connections"))?;
        let after = self.look(&needles)?;
        table::print(&sent, &[("before", &before), ("in flight", &in_flight), ("after", &after)]);
        after.print_findings(self.args.context);
        match (after.copies(), &after.memory.registers) {
            (0, Registers::NotScanned(why)) => {
                println!("warn  registers were not searched: {why}");
                Ok(())
            }
            (0, _) => Ok(()),
            (copies, _) => Err(Failure::internal(format!("{copies} copies of card data are left"))),
        }
    }

    /// Random cards of which the process holds nothing yet, not even by chance,
    /// one more than are to be sent.
    fn draw(&self) -> Result<(Vec<Typed>, Needles, Looked), Failure> {
        let mut random = RandomCards::new();
        let mut draw = || Typed { number: random.number(), code: random.code() };
        let mut cards: Vec<_> = (0..=self.args.cards).map(|_| draw()).collect();
        for _ in 0..DRAWS {
            spoil_refused(&mut cards);
            let needles = needles(&cards)?;
            let looked = self.look(&needles)?;
            if looked.copies() == 0 {
                return Ok((cards, needles, looked));
            }
            for finding in looked.all().flat_map(|report| &report.findings) {
                cards[finding.label] = draw();
            }
        }
        Err(Failure::internal("the process holds parts of whatever numbers are drawn: was it examined just before?"))
    }

    /// A search while a card is with the server must find it, or a later zero means nothing.
    fn control(&self, cards: &[Typed]) -> Result<Looked, Failure> {
        let needles = needles(&cards[..1])?;
        let held = self.merchant.hold_back(&cards[0]).map_err(unavailable("a form that is held back"))?;
        let deadline = Instant::now() + IN_FLIGHT;
        loop {
            let memory = scan(self.pid, &needles)?;
            if !memory.is_clean() {
                drop(held);
                return Ok(Looked { memory, ..Looked::default() });
            }
            if Instant::now() > deadline {
                return Err(Failure::internal(format!(
                    "a card that is being sent was not found in process {}: is it the one that answers at {}?",
                    self.pid,
                    self.merchant.client.authority()
                )));
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn send(&self, cards: &[Typed]) -> Result<Sent, Failure> {
        let mut sent = Sent::default();
        for (card, way) in cards.iter().zip(Way::ROUND.into_iter().cycle()) {
            let status = self.merchant.send(way, card).map_err(unavailable(way.name()))?;
            sent.count(way, status);
        }
        Ok(sent)
    }

    fn look(&self, needles: &Needles) -> Result<Looked, Failure> {
        let memory = scan(self.pid, needles)?;
        let log = self.args.log.as_deref().map(|log| residue::scan_file(log, needles).map_err(unavailable("the log")));
        let store = self.store.as_deref().map(|file| scan_store(file, needles).map_err(unavailable("the store")));
        Ok(Looked { memory, log: log.transpose()?, store: store.transpose()? })
    }
}

/// The cards that the window is to refuse itself get a wrong check digit.
fn spoil_refused(cards: &mut [Typed]) {
    let ways = Way::ROUND.into_iter().cycle();
    for (card, _) in cards[1..].iter_mut().zip(ways).filter(|(_, way)| *way == Way::Refused) {
        if crate::card::passes_luhn(&card.number)
            && let Some(last) = card.number.last_mut()
        {
            *last = (*last - b'0' + 1) % 10 + b'0';
        }
    }
}

fn needles(cards: &[Typed]) -> Result<Needles, Failure> {
    let mut needles = Needles::new();
    for (label, card) in cards.iter().enumerate() {
        let added = needles.add_number(label, &card.number).and_then(|()| needles.add_code(label, &card.code));
        added.map_err(|error| Failure::internal(error.to_string()))?;
    }
    Ok(needles)
}

fn scan(pid: u32, needles: &Needles) -> Result<Report, Failure> {
    residue::scan_process(pid, needles).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::unavailable(format!(
            "process {pid} may not be looked at: run this as root (sudo), or with CAP_SYS_PTRACE"
        )),
        io::ErrorKind::NotFound => Failure::usage(format!("there is no process {pid}")),
        _ => Failure::unavailable(format!("process {pid}: {error}")),
    })
}

/// The database and what SQLite keeps beside it.
fn scan_store(path: &Path, needles: &Needles) -> io::Result<Report> {
    let mut report = Report::default();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match residue::scan_file(Path::new(&file), needles) {
            Ok(found) => report.add(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

fn unavailable(what: &str) -> impl Fn(io::Error) -> Failure {
    let what = what.to_owned();
    move |error| Failure::unavailable(format!("{what}: {error}"))
}
