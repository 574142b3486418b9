//! A window of one or several processes on one store, with a merchant, a
//! provider, and the books of all that was seen from outside.

use crate::client::{Answer, Client, Shown};
use crate::database::{Database, Store, migrate};
use crate::ledger::{Books, Opened, Told};
use crate::operator::{Installation, Operator, Shop};
use crate::process::Process;
use crate::random::Random;
use crate::result::{Query, verify};
use crate::upstream::{PATIENCE, Upstream};
use crate::{Outcome, VEZNE};
use hyper::Request;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use vezne::residue::RandomCards;

/// The longest that a process may take until it serves.
const START: Duration = Duration::from_secs(30);
/// How a process ends that cannot start for want of its database.
pub const UNAVAILABLE: i32 = 4;
/// Short ones: two cards are not to be the same.
const PREFIXES: [&str; 6] = ["4", "51", "52", "53", "54", "55"];
/// Fails at random, 20 times in a row, in no run that anybody lives to see.
const CALLBACK: &str =
    "timeout_ms = 1000\nretry_seconds = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]";

/// What a world is made of.
pub struct Plan {
    pub store: Store,
    pub processes: usize,
    /// Whether provider and merchant always answer, and at once.
    pub is_steady: bool,
    /// Where the first process ends.
    pub failpoint: Option<&'static str>,
}

/// Everybody of one window.
pub struct World {
    pub upstream: Upstream,
    pub database: Database,
    pub processes: Vec<Process>,
    pub client: Client,
    pub folder: PathBuf,
    cards: RefCell<RandomCards>,
    books: RefCell<Books>,
    sessions: RefCell<Vec<Session>>,
    shop: Shop,
}

/// A session as its merchant got it.
#[derive(Clone)]
pub struct Session {
    pub id: String,
    /// `/c/{secret}`
    pub path: String,
}

impl World {
    /// Installs into `folder`, which must not be there yet, and returns when every process serves.
    pub async fn start(folder: PathBuf, plan: Plan, mut random: Random) -> Outcome<Self> {
        fs::create_dir(&folder)?;
        let database = plan.store.database().await?;
        let upstream = Upstream::start(&folder.join("upstream"), random.fork(), plan.is_steady)?;
        let binary = Path::new(VEZNE);
        let processes: Vec<_> =
            (0..plan.processes).map(|number| Process::new(binary, &folder, number)).collect::<Outcome<_>>()?;
        let address = processes[0].address()?;
        let config = installation(address, &upstream, &database.section).write(&folder)?;
        migrate(binary, &config)?;
        let created = Operator { binary, config: &config }.create_merchant(&upstream.shop_url(), &upstream.merchant)?;
        let shop = upstream.opens(created).clone();
        let world = Self {
            client: Client::new(format!("https://{address}"))?,
            cards: RefCell::new(RandomCards::from_seed(random.next()).with_prefixes(&PREFIXES)),
            books: RefCell::default(),
            sessions: RefCell::default(),
            upstream,
            database,
            processes,
            folder,
            shop,
        };
        for (number, process) in world.processes.iter().enumerate() {
            process.start(plan.failpoint.filter(|_| number == 0))?;
        }
        world.is_ready().await?;
        Ok(world)
    }

    /// Starts processes again that have ended by themselves. One that could not
    /// start without its database may; any other is a fault.
    pub fn supervise(&self) -> Outcome<()> {
        for process in &self.processes {
            if let Some(status) = process.ended()? {
                if status.code() != Some(UNAVAILABLE) {
                    self.fault(format!("a process has ended by itself: {status}"));
                }
                process.start(None)?;
            }
        }
        Ok(())
    }

    /// Returns when every process answers that it is ready.
    pub async fn is_ready(&self) -> Outcome<()> {
        let deadline = Instant::now() + START;
        for process in &self.processes {
            while self.client.get(process.address()?, "/readyz").await.map_or(0, |answer| answer.status) != 200 {
                if Instant::now() > deadline {
                    return Err(format!("a process does not serve: {}", self.folder.display()).into());
                }
                self.supervise()?;
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// A process that lives, or any where none does.
    pub fn any(&self, random: &mut Random) -> Outcome<SocketAddr> {
        let alive: Vec<&Process> = self.processes.iter().filter(|process| process.is_alive()).collect();
        let among = if alive.is_empty() { self.processes.iter().collect() } else { alive };
        among[usize::try_from(random.below(among.len() as u64))?].address()
    }

    /// A call of the merchants' API.
    pub async fn api(&self, process: SocketAddr, method: &str, path: &str, body: Option<Value>) -> Outcome<Answer> {
        let head = Request::builder().method(method).uri(path);
        self.client.api(process, &self.shop.api_key, head, body).await
    }

    /// Opens a session that lives so long. A new conversation each time: of one whose
    /// answer was lost nobody knows whether it is there.
    pub async fn create(&self, process: SocketAddr, life: Duration) -> Outcome<Session> {
        let wanted = self.wanted(life);
        let conversation = wanted["conversationId"].as_str().unwrap_or_default().to_owned();
        let answer = self.api(process, "POST", "/v1/sessions", Some(wanted)).await?;
        if answer.status != 201 {
            return Err(format!("a session was answered {}", answer.status).into());
        }
        let json = answer.json()?;
        let text = |name: &str| json[name].as_str().ok_or("an answer lacks a field");
        let url = text("url")?;
        let path = url.find("/c/").map(|at| url[at..].to_owned()).ok_or("a session has no page")?;
        let session = Session { id: text("id")?.to_owned(), path };
        self.books.borrow_mut().opened.push(Opened { session: session.id.clone(), conversation });
        self.sessions.borrow_mut().push(session.clone());
        Ok(session)
    }

    /// What is asked for with a session.
    pub fn wanted(&self, life: Duration) -> Value {
        let shop = self.upstream.shop_url();
        json!({
            "purpose": "tokenize",
            "conversationId": format!("order-{}", uuid::Uuid::now_v7().simple()),
            "returnUrl": format!("{shop}return"),
            "callbackUrl": format!("{shop}callback"),
            "expiresIn": life.as_secs(),
        })
    }

    /// The next card, which nobody else has.
    pub fn card(&self) -> String {
        String::from_utf8_lossy(&self.cards.borrow_mut().number()).into_owned()
    }

    /// Writes down what a cardholder saw, if that is for the books.
    pub fn witness(&self, session: &Session, shown: &Shown) {
        let mut books = self.books.borrow_mut();
        match shown {
            Shown::Over(result) => books.told.push(self.told(session, result)),
            Shown::Nothing => books.faults.push(format!("the page of {} is not there", session.id)),
            _ => {}
        }
    }

    /// Writes down what must not be.
    pub fn fault(&self, what: String) {
        self.books.borrow_mut().faults.push(what);
    }

    /// Whether a result, of any kind, is signed by this window.
    pub fn is_genuine(&self, result: &Value) -> bool {
        verify(result, &self.shop.signing_secret)
    }

    /// Every session so far.
    pub fn sessions(&self) -> Vec<Session> {
        self.sessions.borrow().clone()
    }

    /// What was seen from outside so far.
    pub fn books(&self) -> Books {
        Books { issued: self.upstream.issued(), received: self.upstream.received(), ..self.books.borrow().clone() }
    }

    fn told(&self, session: &Session, result: &Query) -> Told {
        let is_of_session = result.get("session") == session.id;
        Told {
            session: session.id.clone(),
            status: result.get("status").to_owned(),
            digest: result.get("tokenDigest").to_owned(),
            is_genuine: is_of_session && self.is_genuine(&result.json()),
        }
    }
}

fn installation<'a>(address: SocketAddr, upstream: &'a Upstream, store: &'a str) -> Installation<'a> {
    Installation {
        address,
        certificate: &upstream.certificate,
        ca_file: &upstream.ca_file,
        token_url: upstream.token_url(),
        callback_port: upstream.port(),
        workers: 1,
        log_level: "info",
        store,
        provider: format!("timeout_ms = {}", PATIENCE.as_millis()),
        callback: CALLBACK,
    }
}
