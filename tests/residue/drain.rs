//! A process that is told to stop while cards are under way: searched while it
//! drains, once those cards are over and others are not, and then all that it
//! has left behind.

use crate::client::PATIENCE;
use crate::controls::HELD;
use crate::instance::Instance;
use crate::search::Search;
use crate::stage::Stage;
use crate::upstream::Upstream;
use crate::{Outcome, watch};
use futures_util::future::try_join3;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const NAME: &str = "graceful shutdown";
const LAST: &str = "graceful shutdown, last card";
/// The line that says that no connection is taken any more.
const DRAINING: &str = "draining";

/// Ends the process's life.
pub async fn drain(mut instance: Instance, upstream: &Upstream, search: &mut Search, count: usize) -> Outcome<()> {
    let (cards, last) = (search.fly(NAME, count)?, search.fly(LAST, 1)?);
    let (answers, faults) = {
        let stage = Stage::new(&instance, upstream);
        let stop = async {
            upstream.all_received(&cards).await?;
            upstream.all_received(&last).await?;
            instance.terminate();
            says_that_it_drains(&instance).await?;
            upstream.release(cards.iter().map(|card| card.number.as_str()));
            Ok(())
        };
        let look = async {
            stage.play(&HELD, &cards).await?;
            search.landed(NAME);
            watch::ended(&instance, upstream, 1).await?;
            search.look(&instance, &[])?;
            upstream.release(last.iter().map(|card| card.number.as_str()));
            Ok(())
        };
        try_join3(stop, look, stage.play(&HELD, &last)).await?;
        stage.take_log()
    };
    search.landed(LAST);
    search.note(faults);
    let status = instance.ended().await?;
    if !status.success() {
        search.note(vec![format!("the process ended with {status}")]);
    }
    search.look_at_what_is_left(&instance, &answers)
}

async fn says_that_it_drains(instance: &Instance) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    while !instance.log()?.contains(DRAINING) {
        if Instant::now() > deadline {
            return Err("the process does not drain".into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
