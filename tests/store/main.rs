//! What every store does, on each of them: the same behaviours, told once. And
//! what PostgreSQL alone has.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../shared/postgres.rs"]
mod cluster;
mod place;

mod audit;
mod events;
mod idempotency;
mod merchants;
mod outbox;
#[cfg(feature = "sandbox")]
mod refusals;
mod retention;
mod schema;
mod sealed;
mod sessions;
mod transitions;

/// Runs each of a module's behaviours on each store.
macro_rules! on_each_store {
    ($($behaviour:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(crate::place::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(crate::place::Place::postgres()).await;
            })+
        }
    };
}
pub(crate) use on_each_store;
