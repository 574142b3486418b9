//! The way out: names, the address guard, TLS and HTTP/1.1 toward other systems.
//!
//! Two kinds of callers leave through here. The provider client calls addresses
//! that the operator configured, so no guard stands in its way; callbacks call
//! addresses that merchants chose, so theirs has one. A [`Connector`] belongs to
//! the runtime it was made in: each single-threaded worker makes its own.

mod call;
mod connect;
mod fetch;
mod guard;
mod request;
mod resolver;
#[cfg(all(test, feature = "sandbox"))]
pub(crate) mod test_server;
#[cfg(all(test, feature = "sandbox"))]
mod tests;
mod tls;

pub use call::{Answer, CallError, Delivery, post};
pub use connect::{ConnectError, Connector, Sender};
pub use fetch::{Page, fetch};
pub use guard::{AddressGuard, Refused};
pub use request::{post_request, request};
pub use resolver::{ResolveError, Resolver};
pub use tls::{ClientIdentity, Roots, TlsError, client_config};
