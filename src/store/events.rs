//! Events as merchants and operators see them: which there are, what became of
//! each, and the order to deliver one anew.

use super::StoreError;
use crate::audit::Note;
use crate::id::{EventId, MerchantId, SessionId};
use crate::merchant::{AllowedUrl, Mode};
use crate::session::{Session, Status, Violation};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// What can happen. The catalogue is docs/events.md.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// There is a token.
    Completed,
    /// There will be none.
    Failed,
    /// Nobody came in time.
    Expired,
    /// Somebody called it off.
    Canceled,
    /// A browser kept the page from doing something.
    Violation,
    /// The merchant tries its endpoint.
    Ping,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::Failed, Self::Expired, Self::Canceled, Self::Violation, Self::Ping];

    /// The `type` that merchants read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "session.completed",
            Self::Failed => "session.failed",
            Self::Expired => "session.expired",
            Self::Canceled => "session.canceled",
            Self::Violation => Violation::EVENT,
            Self::Ping => "test.ping",
        }
    }

    /// Reads a `type`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How an end is told; `None` while there is none.
    #[must_use]
    pub fn of_end(status: Status) -> Option<Self> {
        match status {
            Status::Open | Status::Claimed => None,
            Status::Completed => Some(Self::Completed),
            Status::Failed => Some(Self::Failed),
            Status::Expired => Some(Self::Expired),
            Status::Canceled => Some(Self::Canceled),
        }
    }
}

/// Where an event's delivery stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventState {
    /// It waits for an attempt, or one is under way.
    Pending,
    /// The endpoint answered 2xx.
    Delivered,
    /// The schedule is used up.
    Abandoned,
    /// Nobody is called: its session has no callback address.
    Unaddressed,
    /// Its endpoint has answered 410 and is not called any more.
    EndpointDisabled,
}

impl EventState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Delivered, Self::Abandoned, Self::Unaddressed, Self::EndpointDisabled];

    /// The name in the store and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Abandoned => "abandoned",
            Self::Unaddressed => "unaddressed",
            Self::EndpointDisabled => "endpoint_disabled",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An event, without what is told of it.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`: the webhook's id, the same at every attempt.
    pub id: EventId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which mode's.
    pub mode: Mode,
    /// What happened.
    pub kind: EventKind,
    /// To which session; none with a test event.
    pub session: Option<SessionId>,
    /// Whom it is told to.
    pub callback_url: Option<AllowedUrl>,
    /// When it happened.
    pub created_at: Timestamp,
    /// Where its delivery stands.
    pub state: EventState,
    /// The number of the last attempt; 0 before the first.
    pub attempts: u32,
    /// When the next one is due; none while one is under way.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last attempt failed, in one word.
    pub last_reason: Option<String>,
    /// When it was delivered, abandoned or held back; at once when nobody is called.
    pub settled_at: Option<Timestamp>,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The end of a session.
    End(Box<Session>),
    /// What a session's page was kept from doing.
    Page(Box<Session>, Violation),
    /// Nothing: a test.
    Ping,
}

/// One attempt at delivering an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Counts from 1. A number that is missing is of a process that died.
    pub number: u32,
    /// When it ended, by the database's clock.
    pub ended_at: Timestamp,
    /// How long it took.
    pub latency: Duration,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed, in one word; none when it did not.
    pub reason: Option<String>,
    /// The first of the answer's body, masked.
    pub answer: String,
}

impl Attempt {
    /// When it began.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        self.ended_at.checked_sub(self.latency).unwrap_or(self.ended_at)
    }
}

/// An event with all that is known of it.
pub struct EventDetail {
    /// The event.
    pub event: Event,
    /// What is told of it.
    pub subject: Subject,
    /// Its attempts, oldest first; of more than [`KEPT_ATTEMPTS`] the last.
    pub attempts: Vec<Attempt>,
}

/// Attempts that are kept of an event: several schedules' worth.
pub const KEPT_ATTEMPTS: u32 = 100;

/// Whose events are meant.
#[derive(Clone, Debug)]
pub enum EventScope {
    /// A merchant's in one mode.
    Of(MerchantId, Mode),
    /// A merchant's in every mode: for the operator.
    OfMerchant(MerchantId),
    /// Everybody's: for the operator.
    All,
}

/// A place in a list of events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventCursor {
    /// Creation time of the last row seen, in milliseconds.
    pub created_at: i64,
    /// Its id.
    pub id: EventId,
}

/// What to list.
pub struct EventQuery {
    /// Whose.
    pub scope: EventScope,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only of this session.
    pub session: Option<SessionId>,
    /// Only in this state.
    pub state: Option<EventState>,
    /// Only from this moment on.
    pub created_after: Option<Timestamp>,
    /// Only before this moment.
    pub created_before: Option<Timestamp>,
    /// Rows after this place.
    pub after: Option<EventCursor>,
    /// At most so many rows.
    pub limit: u32,
}

/// A page of a list.
pub struct EventPage {
    /// Newest first.
    pub events: Vec<Event>,
    /// Where the next page starts, if there is one.
    pub next: Option<EventCursor>,
}

/// What became of the order to deliver an event anew.
pub enum Redelivery {
    /// It is due at once, at the start of a new schedule.
    Due(Box<Event>),
    /// It has no address to go to.
    Unaddressed,
}

/// What merchants and operators ask about events.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Writes a test event for an endpoint, due at once.
    async fn record_test(&self, merchant: MerchantId, mode: Mode, url: AllowedUrl) -> Result<Event, StoreError>;
    /// Events, newest first.
    async fn events(&self, query: EventQuery) -> Result<EventPage, StoreError>;
    /// One event; nothing where it is outside of the scope.
    async fn event(&self, scope: EventScope, id: EventId) -> Result<Option<EventDetail>, StoreError>;
    /// Makes an event due at once, whatever its state: delivered, abandoned, held
    /// back or waiting; its entry of the audit trail goes along. Nothing where it is outside of the scope.
    async fn redeliver(&self, scope: EventScope, id: EventId, note: Note) -> Result<Option<Redelivery>, StoreError>;
    /// Attempts of every merchant that ended at a moment or later, oldest first.
    async fn attempts_since(&self, since: Timestamp, limit: u32) -> Result<Vec<(EventId, Attempt)>, StoreError>;
}
