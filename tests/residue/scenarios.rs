//! The ways in which a card request can go and end: one row each.

use crate::behaviour::{Behaviour, Echo};
use crate::stage::{Attempt, Exchange};
use crate::{broken, forms, places};

/// One way, played with many cards.
pub struct Scenario {
    pub name: &'static str,
    /// Cards in the short and in the long form.
    pub cards: (usize, usize),
    /// How the provider meets a card, by its place in the scenario.
    pub upstream: fn(usize) -> Behaviour,
    pub session: Session,
    pub callbacks: bool,
    /// One card after the other, each searched for before the next.
    pub one_by_one: bool,
    /// Spends its time waiting: played together with its like.
    pub waits: bool,
    /// The answers that it may get; none listed, any or none.
    pub statuses: &'static [u16],
    pub request: fn(&Attempt<'_>) -> Exchange,
    /// Parts of the recipe whose absence may show here.
    pub parts: &'static [&'static str],
}

/// Whose session a card is sent to, and over which connection.
#[derive(Clone, Copy)]
pub enum Session {
    /// Its own, over the connection that the page came by: what browsers do.
    OnPage,
    /// Its own, over a new connection.
    AfterPage,
    /// One for all, since none of them gets anywhere.
    Shared,
}

impl Scenario {
    /// A row with the usual settings.
    pub const fn new(name: &'static str, cards: (usize, usize), request: fn(&Attempt<'_>) -> Exchange) -> Self {
        Self {
            name,
            cards,
            upstream: |_| Behaviour::Succeed,
            session: Session::OnPage,
            callbacks: false,
            one_by_one: false,
            waits: false,
            statuses: &[],
            request,
            parts: &[],
        }
    }

    pub const fn upstream(mut self, upstream: fn(usize) -> Behaviour) -> Self {
        self.upstream = upstream;
        self
    }

    const fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    const fn answered(mut self, statuses: &'static [u16]) -> Self {
        self.statuses = statuses;
        self
    }

    const fn shows(mut self, parts: &'static [&'static str]) -> Self {
        self.parts = parts;
        self
    }

    const fn with_callbacks(mut self) -> Self {
        self.callbacks = true;
        self
    }

    const fn one_by_one(mut self) -> Self {
        self.one_by_one = true;
        self
    }

    const fn waits(mut self) -> Self {
        self.waits = true;
        self
    }
}

/// Every part of the recipe, by the name that `--danger-leave-out` has for it.
pub const PARTS: [&str; 7] =
    ["allocator", "connection-close", "heads", "pool-scrub", "registers", "stack", "upstream-retirement"];

const ECHOES: [Echo; 6] = [Echo::Message, Echo::Grouped, Echo::Field, Echo::Header, Echo::Reason, Echo::Form];

/// All of them, in the order in which they are played.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("success, scripts on", (64, 1200), forms::by_script).answered(&[200]).shows(&PARTS),
    Scenario::new("success, scripts off", (64, 1200), forms::by_browser)
        .session(Session::AfterPage)
        .answered(&[303])
        .with_callbacks(),
    Scenario::new("64 at once", (64, 640), forms::by_browser).upstream(|_| Behaviour::Together(64)).answered(&[303]),
    Scenario::new("connection kept open", (32, 256), forms::kept_open).answered(&[303]).shows(&["connection-close"]),
    Scenario::new("HTTP/1.0", (16, 160), forms::http_1_0).answered(&[303]),
    Scenario::new("chunked", (32, 320), forms::chunked).answered(&[303]),
    Scenario::new("pipelined", (30, 300), forms::pipelined).shows(&["heads"]),
    Scenario::new("refused", (32, 480), forms::by_either).upstream(|_| Behaviour::Refuse).answered(&[422]),
    Scenario::new("signed again", (16, 160), forms::by_either).upstream(|_| Behaviour::Stale).answered(&[502]),
    Scenario::new("upstream answers 500", (32, 320), forms::by_either).upstream(|_| Behaviour::Fail).answered(&[502]),
    Scenario::new("upstream hangs up", (32, 320), forms::by_either).upstream(|_| Behaviour::Drop).answered(&[502]),
    Scenario::new("upstream hangs up, unread", (32, 320), forms::by_either)
        .upstream(|_| Behaviour::DropUnread)
        .answered(&[502]),
    Scenario::new("upstream echoes the card", (36, 600), forms::by_either)
        .upstream(|index| Behaviour::Echo(ECHOES[index % ECHOES.len()]))
        .answered(&[200, 303, 422, 502])
        .shows(&["upstream-retirement"]),
    Scenario::new("upstream answers too much", (16, 160), forms::by_either)
        .upstream(|_| Behaviour::Oversize)
        .answered(&[502]),
    Scenario::new("upstream answers in part", (16, 160), forms::by_either)
        .upstream(|_| Behaviour::Cut)
        .answered(&[502]),
    Scenario::new("upstream proves nothing", (16, 160), forms::by_either)
        .upstream(|_| Behaviour::WrongSignature)
        .answered(&[502]),
    Scenario::new("mistyped", (30, 300), forms::mistyped).session(Session::Shared).answered(&[422]),
    Scenario::new("oversize form", (24, 240), broken::oversize).session(Session::Shared).shows(&["allocator"]),
    Scenario::new("malformed form", (66, 660), broken::malformed)
        .session(Session::Shared)
        .shows(&["allocator", "heads"]),
    Scenario::new("cut at every byte", (640, 1920), forms::cut).session(Session::Shared),
    Scenario::new("cut behind the number", (4, 64), forms::cut_behind)
        .session(Session::Shared)
        .one_by_one()
        .shows(&["registers", "stack"]),
    Scenario::new("panic", (16, 160), forms::panicking),
    Scenario::new("card in a URL", (36, 360), places::urls).session(Session::Shared).shows(&["heads"]),
    Scenario::new("card in a header", (48, 480), places::headers).shows(&["heads"]),
    Scenario::new("card in a wrong field", (32, 320), places::wrong_fields).session(Session::Shared),
    Scenario::new("card in the API's JSON", (39, 390), places::api).session(Session::Shared),
    // As many as are read of a client in a minute.
    Scenario::new("card in a report", (16, 24), places::reports).session(Session::Shared).answered(&[204]),
    Scenario::new("unreadable head", (56, 560), broken::heads).session(Session::Shared).shows(&["heads", "pool-scrub"]),
    Scenario::new("upstream silent", (16, 64), forms::by_either)
        .upstream(|_| Behaviour::Silent)
        .answered(&[502])
        .waits(),
    Scenario::new("stalled", (32, 64), forms::stalled).session(Session::Shared).waits(),
    Scenario::new("browser leaves", (24, 64), forms::left).upstream(|_| Behaviour::Hold).waits(),
];
