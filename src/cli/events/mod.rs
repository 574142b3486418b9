//! `vezne events …`: what merchants were told, and what they were not.

mod print;
mod tail;

use super::{Failure, Operator};
use crate::audit::Action;
use crate::config::Config;
use crate::id::{EventId, MerchantId, SessionId};
use crate::startup::open_store;
use crate::store::{EventKind, EventQuery, EventScope, EventState, Redelivery, SharedStore};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// What every subcommand takes.
#[derive(Args)]
pub struct Common {
    /// The configuration file; without it only VEZNE_ variables are read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Which events.
#[derive(Args)]
pub struct Filter {
    /// Only this merchant's (`mer_…`)
    #[arg(long, value_name = "ID", value_parser = merchant)]
    merchant: Option<MerchantId>,
    /// Only of this session (`ses_…`)
    #[arg(long, value_name = "ID", value_parser = session)]
    session: Option<SessionId>,
    /// Only of this type, such as session.completed
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Option<EventKind>,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Verb {
    /// List events, newest first
    List {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// Which events
        #[command(flatten)]
        filter: Filter,
        /// Only in this state: pending, delivered, abandoned, unaddressed or `endpoint_disabled`
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<EventState>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show one event and every attempt at delivering it
    Show {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// evt_…
        #[arg(value_parser = event)]
        id: EventId,
    },
    /// Make an event due at once, whatever became of it
    Redeliver {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// evt_…
        #[arg(value_parser = event)]
        id: EventId,
    },
    /// Print events and attempts as they happen, until Ctrl-C
    Tail {
        /// Configuration and output
        #[command(flatten)]
        common: Common,
        /// Which events
        #[command(flatten)]
        filter: Filter,
    },
}

/// Does what was asked and prints it.
///
/// # Errors
/// [`Failure`].
pub fn run(verb: Verb) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(error.to_string()))?;
    runtime.block_on(dispatch(verb))
}

async fn dispatch(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List { common, filter, state, limit } => {
            let page = open(&common)?.events(EventQuery { state, ..filter.query(limit) }).await?;
            print::list(&page.events, common.json);
            Ok(())
        }
        Verb::Show { common, id } => {
            let detail = open(&common)?.event(EventScope::All, id).await?.ok_or_else(missing)?;
            print::shown(&detail, common.json);
            Ok(())
        }
        Verb::Redeliver { common, id } => {
            let (store, operator) = (open(&common)?, Operator::here());
            let note = operator.note(Action::EventRedelivered).on(id.as_str());
            let redelivered = store.redeliver(EventScope::All, id, note).await?;
            operator.close(&store).await?;
            match redelivered.ok_or_else(missing)? {
                Redelivery::Due(event) => print::due(&event, common.json),
                Redelivery::Unaddressed => {
                    return Err(Failure::usage("the event has no address to go to: its session had no callbackUrl"));
                }
            }
            Ok(())
        }
        Verb::Tail { common, filter } => {
            let interrupted = async { drop(tokio::signal::ctrl_c().await) };
            tail::follow(&open(&common)?, &filter, common.json, interrupted).await
        }
    }
}

impl Filter {
    /// The newest events that fit.
    fn query(&self, limit: u32) -> EventQuery {
        EventQuery {
            scope: self.merchant.clone().map_or(EventScope::All, EventScope::OfMerchant),
            kind: self.kind,
            session: self.session.clone(),
            state: None,
            created_after: None,
            created_before: None,
            after: None,
            limit,
        }
    }
}

/// The store alone: what is printed needs no key.
fn open(common: &Common) -> Result<SharedStore, Failure> {
    let config = Config::load(common.config.as_deref()).map_err(|mistakes| Failure::config(mistakes.to_string()))?;
    Ok(open_store(&config)?)
}

fn missing() -> Failure {
    Failure::usage("there is no such event")
}

fn merchant(text: &str) -> Result<MerchantId, String> {
    MerchantId::parse(text).ok_or_else(|| "a merchant's id looks like mer_ and 26 characters".to_owned())
}

fn session(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).ok_or_else(|| "a session's id looks like ses_ and 26 characters".to_owned())
}

fn event(text: &str) -> Result<EventId, String> {
    EventId::parse(text).ok_or_else(|| "an event's id looks like evt_ and 26 characters".to_owned())
}

fn kind(text: &str) -> Result<EventKind, String> {
    EventKind::parse(text).ok_or_else(|| format!("must be one of {}", EventKind::ALL.map(EventKind::name).join(", ")))
}

fn state(text: &str) -> Result<EventState, String> {
    let all = || EventState::ALL.map(EventState::name).join(", ");
    EventState::parse(text).ok_or_else(|| format!("must be one of {}", all()))
}
