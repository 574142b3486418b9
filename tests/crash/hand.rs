//! The hand: `kill -9` to processes, and to the database where it is one, at
//! moments that a seed decides, and their restart after a random while.

use crate::Outcome;
use crate::random::Random;
use crate::world::World;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often it struck.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strikes {
    pub processes: usize,
    pub databases: usize,
}

/// Strikes for so long; everything runs when it returns.
pub async fn strike(world: &World, random: &mut Random, time: Duration) -> Outcome<Strikes> {
    let deadline = Instant::now() + time;
    let mut strikes = Strikes::default();
    while Instant::now() < deadline {
        // A window that has one process mostly gets to work before it falls again.
        if world.processes.len() == 1 && random.percent(80) {
            world.is_ready().await?;
            sleep(Duration::from_millis(500)).await;
        }
        sleep(Duration::from_millis(random.between(200, 2400))).await;
        world.supervise()?;
        if world.database.cluster.is_some() && random.percent(25) {
            world.database.crash(Duration::from_millis(random.below(1200))).await?;
            strikes.databases += 1;
        } else {
            strikes.processes += kill_some(world, random).await?;
        }
    }
    Ok(strikes)
}

/// Mostly one, now and then all of them at once.
async fn kill_some(world: &World, random: &mut Random) -> Outcome<usize> {
    let one = usize::try_from(random.below(world.processes.len() as u64))?;
    let is_for_all = random.percent(10);
    let chosen: Vec<_> = world
        .processes
        .iter()
        .enumerate()
        .filter(|(number, _)| is_for_all || *number == one)
        .map(|(_, it)| it)
        .collect();
    for process in &chosen {
        process.kill()?;
    }
    sleep(Duration::from_millis(random.below(700))).await;
    for process in &chosen {
        process.start(None)?;
    }
    Ok(chosen.len())
}
