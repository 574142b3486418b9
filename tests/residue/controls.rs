//! Whether the search finds what is there: cards in flight, and what is left
//! when a part of the recipe is left out.

use crate::behaviour::Behaviour;
use crate::client::{self, Close};
use crate::forms;
use crate::scenarios::{PARTS, SCENARIOS, Scenario};
use crate::search::{Row, Search};
use crate::stage::Stage;
use crate::{Outcome, Run, SHORT_CALL, watch};
use futures_util::future::try_join;
use std::time::{Duration, Instant};

/// Less than the server waits for a form.
const READING: Duration = Duration::from_secs(8);
const CARDS: usize = 8;

/// Forms whose cards the provider has, and keeps until they are released.
pub const HELD: Scenario =
    Scenario::new("held by the provider", (CARDS, CARDS), forms::by_browser).upstream(|_| Behaviour::Hold);

/// What the controls showed.
#[derive(Default)]
pub struct Controls {
    /// Copies found while a form came in, and while the provider had cards.
    pub in_flight: Option<[usize; 2]>,
    /// What was found without each part.
    pub left_out: Vec<(&'static str, Vec<Row>)>,
}

/// Looks for cards that are being read and forwarded, and again after them.
pub async fn in_flight(stage: &Stage<'_>, search: &mut Search) -> Outcome<[usize; 2]> {
    let reading = while_reading(stage, search).await?;
    let cards = search.fly(HELD.name, CARDS)?;
    let look = async {
        stage.upstream.all_received(&cards).await?;
        let found = search.look(stage.instance, &[])?;
        stage.upstream.release(cards.iter().map(|card| card.number.as_str()));
        Ok(found)
    };
    let ((), forwarding) = try_join(stage.play(&HELD, &cards), look).await?;
    search.landed(HELD.name);
    settle(stage, search).await?;
    Ok([reading, forwarding])
}

/// Holds the last bytes of a form back until copies of it show.
async fn while_reading(stage: &Stage<'_>, search: &mut Search) -> Outcome<usize> {
    const NAME: &str = "held back by the browser";
    let cards = search.fly(NAME, 1)?;
    let mut bytes = stage.form(&cards[0]).await?;
    bytes.truncate(bytes.len() - 4);
    let mut connection = stage.instance.client.connect(0).await?;
    client::send(&mut connection, &bytes).await?;
    let deadline = Instant::now() + READING;
    let mut found = 0;
    while found == 0 && Instant::now() < deadline {
        found = search.look(stage.instance, &[])?;
    }
    client::close(connection, Close::Notify).await?;
    search.landed(NAME);
    settle(stage, search).await?;
    Ok(found)
}

/// Waits for the end of all that was asked, and searches.
///
/// A connection that a client keeps open is closed by the server, unless the
/// part that does it is left out.
pub async fn settle(stage: &Stage<'_>, search: &mut Search) -> Outcome<()> {
    let left = if stage.instance.keeps_connections { stage.kept() } else { 0 };
    watch::ended(stage.instance, stage.upstream, left).await?;
    let (answers, faults) = stage.take_log();
    search.look(stage.instance, &answers)?;
    search.note(faults);
    stage.close_kept();
    Ok(())
}

/// Plays the scenarios that may show each part's absence, without it.
pub async fn left_out(run: &Run) -> Outcome<Vec<(&'static str, Vec<Row>)>> {
    let mut all = Vec::with_capacity(PARTS.len());
    for part in PARTS {
        let instance = run.instance(&format!("without-{part}"), &[part], SHORT_CALL).await?;
        let mut search = Search::new(false);
        let fitting: Vec<&Scenario> = SCENARIOS.iter().filter(|scenario| scenario.parts.contains(&part)).collect();
        run.play(&Stage::new(&instance, &run.upstream), &mut search, &fitting).await?;
        all.push((part, search.rows));
    }
    Ok(all)
}
