//! Proof that the search finds what it should: every shape is planted in
//! another process and in a file, and must be found there, once, by its name.
//! Before that, nothing may be found.

use super::planter::{self, Spot, order};
use super::plants::{SHAPES, Shape, encode};
use super::{Encoding, Finding, Needles, Place, RandomCards, Registers, Report, scan_bytes, scan_file, scan_process};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use thiserror::Error;
use zeroize::Zeroizing;

/// The hidden subcommand of this program that plants.
pub const PLANT_COMMAND: &str = "residue-plant";
/// How long the planter's threads may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a passed self-test has shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelfTested {
    /// Copies planted and found in memory, registers and the file.
    pub planted: usize,
    /// Whether registers were searched; the text says why not.
    pub registers: Registers,
}

/// Why the search is not to be believed.
#[derive(Debug, Error)]
pub enum SelfTestError {
    /// The planting process could not be run or looked at, or the file not written.
    #[error("the self-test cannot be done: {0}")]
    Io(#[from] io::Error),
    /// Something was found where nothing was planted.
    #[error("the self-test found a copy where none was planted: {0}")]
    Ghost(String),
    /// A shape was not found, or not as what it is.
    #[error("the self-test planted {shape} ({spot}) and found {found}")]
    Missed {
        /// What was planted.
        shape: &'static str,
        /// Where.
        spot: &'static str,
        /// What was found of it.
        found: String,
    },
}

/// Plants every shape by `program`, a vezne, and looks for it.
///
/// # Errors
/// [`SelfTestError`].
pub fn self_test(program: &Path) -> Result<SelfTested, SelfTestError> {
    run(program, None)
}

/// The same with one shape planted wrongly, by its name in the error: it must
/// fail, or a self-test that passes would mean nothing.
///
/// # Errors
/// [`SelfTestError::Missed`], if all is well.
pub fn self_test_with_spoiled(program: &Path, shape: &str) -> Result<SelfTested, SelfTestError> {
    run(program, Some(shape))
}

/// The names of the shapes.
pub fn self_test_shapes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.name)
}

/// One copy that is planted; its place in the list is its label.
struct Plant {
    spot: &'static str,
    order: Option<Spot>,
    shape: Shape,
    bytes: Zeroizing<Vec<u8>>,
}

fn run(program: &Path, spoiled: Option<&str>) -> Result<SelfTested, SelfTestError> {
    let mut needles = Needles::new();
    let plants = draw(&mut needles, spoiled)?;
    let mut planter = Planter::start(program)?;
    if let Some(ghost) = scan_process(planter.pid(), &needles)?.findings.first() {
        return Err(SelfTestError::Ghost(ghost.to_string()));
    }
    planter.plant(&plants)?;
    let mut report = planter.scan(&needles)?;
    report.add(scan_planted_file(&plants, &needles)?);
    let mut copies = 0;
    for (label, plant) in plants.iter().enumerate() {
        if plant.order == Some(Spot::Register) && matches!(report.registers, Registers::NotScanned(_)) {
            continue;
        }
        check(plant, &report.findings.iter().filter(|finding| finding.label == label).collect::<Vec<_>>())?;
        copies += 1;
    }
    Ok(SelfTested { planted: copies, registers: report.registers })
}

/// A card of its own for each shape in each spot.
fn draw(needles: &mut Needles, spoiled: Option<&str>) -> io::Result<Vec<Plant>> {
    let mut cards = RandomCards::new();
    let mut plants = Vec::new();
    let in_memory = Spot::MEMORY.map(Some).into_iter().flat_map(|spot| SHAPES.map(|shape| (spot, shape)));
    let in_register = SHAPES.into_iter().filter(|shape| shape.encoding == Encoding::Ascii);
    let in_file = SHAPES.map(|shape| (None, shape));
    for (order, shape) in in_memory.chain(in_register.map(|shape| (Some(Spot::Register), shape))).chain(in_file) {
        let number = unlike(needles, &mut cards);
        needles.add_number(plants.len(), &number).map_err(io::Error::other)?;
        let mut bytes = encode(&number, shape);
        if spoiled == Some(shape.name) {
            bytes.fill(b'x');
        }
        plants.push(Plant { spot: order.map_or("file", Spot::name), order, shape, bytes });
    }
    Ok(plants)
}

/// A number that shares no nine digits with those before: each plant has one owner.
fn unlike(needles: &Needles, cards: &mut RandomCards) -> Zeroizing<Vec<u8>> {
    loop {
        let number = cards.number();
        if scan_bytes(&number, needles).is_clean() {
            return number;
        }
    }
}

fn check(plant: &Plant, found: &[&Finding]) -> Result<(), SelfTestError> {
    let Plant { spot, order, shape, .. } = plant;
    let fits = |finding: &Finding| {
        let is_there = match finding.place {
            Place::Memory { .. } => order.is_some_and(|spot| spot != Spot::Register),
            Place::Register { .. } => *order == Some(Spot::Register),
            Place::File { .. } => order.is_none(),
            Place::Bytes => false,
        };
        is_there && finding.encoding == shape.encoding && finding.digits >= shape.fewest_digits
    };
    match found {
        [finding] if fits(finding) => Ok(()),
        [] => Err(SelfTestError::Missed { shape: shape.name, spot, found: "nothing".to_owned() }),
        found => {
            let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Err(SelfTestError::Missed { shape: shape.name, spot, found })
        }
    }
}

fn scan_planted_file(plants: &[Plant], needles: &Needles) -> Result<Report, SelfTestError> {
    let file = TemporaryFile(std::env::temp_dir().join(format!("vezne-residue-{}", uuid::Uuid::now_v7())));
    std::fs::write(&file.0, b"nothing yet")?;
    if let Some(ghost) = scan_file(&file.0, needles)?.findings.first() {
        return Err(SelfTestError::Ghost(ghost.to_string()));
    }
    let lines = plants.iter().filter(|plant| plant.order.is_none()).map(|plant| plant.bytes.as_slice());
    std::fs::write(&file.0, Zeroizing::new(lines.collect::<Vec<_>>().join(b" |\n".as_slice())))?;
    Ok(scan_file(&file.0, needles)?)
}

struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Numbers of nobody's cards: left behind, they harm nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The planting process; ended with this.
struct Planter {
    process: Child,
    orders: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Planter {
    fn start(program: &Path) -> io::Result<Self> {
        let mut process =
            Command::new(program).arg(PLANT_COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(orders), Some(says)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut planter = Self { process, orders, says: BufReader::new(says) };
        planter.hear(planter::READY)?;
        Ok(planter)
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn plant(&mut self, plants: &[Plant]) -> io::Result<()> {
        for plant in plants {
            if let Some(spot) = plant.order {
                self.orders.write_all(order(spot, &plant.bytes).as_bytes())?;
            }
        }
        self.orders.write_all(format!("{}\n", planter::ALL).as_bytes())?;
        self.hear(planter::PLANTED)
    }

    /// Scans once its threads are at rest: one that still moves its piece has it twice, or in between.
    fn scan(&self, needles: &Needles) -> io::Result<Report> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_at_rest()? && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        scan_process(self.pid(), needles)
    }

    /// Whether every thread waits in read(2): the first for orders, the others with what they hold.
    fn is_at_rest(&self) -> io::Result<bool> {
        let mut is_at_rest = true;
        super::process::each_thread(self.pid(), |thread| {
            // The system call's number comes first (proc_pid_syscall(5)).
            let call = std::fs::read_to_string(format!("/proc/{}/task/{thread}/syscall", self.pid()))?;
            is_at_rest &= call.split(' ').next().and_then(|number| number.parse().ok()) == Some(libc::SYS_read);
            Ok(())
        })?;
        Ok(is_at_rest)
    }

    fn hear(&mut self, expected: &str) -> io::Result<()> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        if line.trim_end() == expected { Ok(()) } else { Err(io::Error::other("the planting process failed")) }
    }
}

impl Drop for Planter {
    fn drop(&mut self) {
        // One that has ended already is what this is for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
