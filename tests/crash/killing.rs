//! Cardholders without end, and the hand among them.

use crate::Outcome;
use crate::cardholder::Cardholder;
use crate::database::Store;
use crate::hand::strike;
use crate::random::Random;
use crate::report::Row;
use crate::settle::settle;
use crate::tamper::spoiled_books_are_found_out;
use crate::world::{Plan, World};
use futures_util::future::{join, try_join_all};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

/// Cardholders at the same time, for each process.
const CARDHOLDERS: usize = 10;

/// Three processes on a server, one on a file.
pub async fn killing(folder: &Path, store: Store, mut random: Random, time: Duration) -> Outcome<Row> {
    let name = store.name();
    let processes = if store.is_shared() { 3 } else { 1 };
    let plan = Plan { store, processes, is_steady: false, failpoint: None };
    let world = World::start(folder.join(format!("killing-{name}")), plan, random.fork()).await?;
    let is_over = Cell::new(false);
    let mut cardholders = Vec::new();
    for _ in 0..CARDHOLDERS * processes {
        cardholders.push(Cardholder { world: &world, random: random.fork(), is_over: &is_over }.go_on());
    }
    let hand = async {
        let strikes = strike(&world, &mut random, time).await;
        is_over.set(true);
        strikes
    };
    let (strikes, ended) = join(hand, try_join_all(cardholders)).await;
    ended?;
    let strikes = strikes?;
    let books = settle(&world, &mut random).await?;
    let losses = books.losses();
    if losses.is_empty() {
        spoiled_books_are_found_out(&books)?;
    }
    Ok(Row { name: format!("kill -9, {name}"), strikes, books, losses })
}
