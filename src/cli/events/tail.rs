//! New events and attempts as they come, by asking again and again.

use super::{Filter, print};
use crate::cli::Failure;
use crate::id::EventId;
use crate::store::{Attempt, Event, EventQuery, EventScope, SharedStore};
use jiff::Timestamp;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// Pause between two looks.
const PERIOD: Duration = Duration::from_millis(500);
/// How far each look goes back behind the newest that was seen: what was begun
/// earlier may be committed later.
const OVERLAP: Duration = Duration::from_secs(10);
/// Rows of one query of a look.
const PAGE: u32 = 500;

/// What was printed within the overlap: events by id, attempts by number, too.
#[derive(Default)]
struct Seen(HashMap<(EventId, u32), Timestamp>);

impl Seen {
    /// Whether this is new.
    fn is_new(&mut self, id: &EventId, number: u32, at: Timestamp) -> bool {
        self.0.insert((id.clone(), number), at).is_none()
    }

    /// From where to look on; forgets what lies before.
    fn look_from(&mut self, start: Timestamp) -> Timestamp {
        let newest = self.0.values().max().copied().unwrap_or(start);
        let from = newest.checked_sub(OVERLAP).unwrap_or(start).max(start);
        self.0.retain(|_, at| *at >= from);
        from
    }
}

/// Follows until `stop` resolves, from the newest event on.
pub(super) async fn follow(
    store: &SharedStore,
    filter: &Filter,
    as_json: bool,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut stop = pin!(stop);
    let newest = store.events(filter.query(1)).await?.events.pop();
    // By the clock of the database, which another machine's may not agree with.
    let start = newest.map_or(Timestamp::UNIX_EPOCH, |event| event.created_at);
    let (mut events, mut attempts) = (Seen::default(), Seen::default());
    loop {
        let look = async {
            look_at_events(store, filter, events.look_from(start), |event| {
                if events.is_new(&event.id, 0, event.created_at) {
                    print::happened(event, as_json);
                }
            })
            .await?;
            for (id, attempt) in ended_since(store, attempts.look_from(start)).await? {
                let is_new = attempts.is_new(&id, attempt.number, attempt.ended_at);
                if is_new && fits(store, filter, &id).await? {
                    print::tried(&id, &attempt, as_json);
                }
            }
            tokio::time::sleep(PERIOD).await;
            Ok::<_, Failure>(())
        };
        tokio::select! {
            () = &mut stop => return Ok(()),
            looked = look => looked?,
        }
    }
}

/// Oldest first.
async fn look_at_events(
    store: &SharedStore,
    filter: &Filter,
    from: Timestamp,
    mut each: impl FnMut(&Event),
) -> Result<(), Failure> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(EventQuery { created_after: Some(from), after, ..filter.query(PAGE) }).await?;
        events.extend(page.events);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    events.iter().rev().for_each(&mut each);
    Ok(())
}

/// Oldest first.
async fn ended_since(store: &SharedStore, mut from: Timestamp) -> Result<Vec<(EventId, Attempt)>, Failure> {
    let mut ended = Vec::new();
    loop {
        let rows = store.attempts_since(from, PAGE).await?;
        let is_full = rows.len() == PAGE as usize;
        // The rows of the last millisecond come again, and are known then.
        let last = rows.last().map(|(_, attempt)| attempt.ended_at);
        ended.extend(rows);
        match last {
            Some(last) if is_full && last > from => from = last,
            _ => return Ok(ended),
        }
    }
}

/// Whether an attempt's event is one of those that are followed.
async fn fits(store: &SharedStore, filter: &Filter, id: &EventId) -> Result<bool, Failure> {
    let Filter { merchant, session, kind } = filter;
    if merchant.is_none() && session.is_none() && kind.is_none() {
        return Ok(true);
    }
    let scope = merchant.clone().map_or(EventScope::All, EventScope::OfMerchant);
    let Some(detail) = store.event(scope, id.clone()).await? else { return Ok(false) };
    Ok(session.as_ref().is_none_or(|session| detail.event.session.as_ref() == Some(session))
        && kind.is_none_or(|kind| detail.event.kind == kind))
}
