//! What a call makes has its name before the call: so a call that was cut off
//! between making and answering, and is begun again, makes the same thing.

use crate::error::Problem;
use crate::hardening::SecretText;
use crate::id::SessionId;
use crate::session::{NewSession, SessionSecret};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use std::future::{Ready, ready};
use std::rc::Rc;

/// The names for what a call makes; none for a call without an idempotency key.
#[derive(Clone, Default)]
pub struct Names(Option<Rc<Fixed>>);

struct Fixed {
    session: SessionId,
    secret: String,
}

impl Names {
    /// New names, and the text to seal.
    pub(super) fn generate() -> (Self, SecretText) {
        let (session, secret) = (SessionId::generate(), SessionSecret::generate());
        let text = SecretText::new(format!("{session} {}", secret.expose()));
        (Self::read(&text).unwrap_or_default(), text)
    }

    /// Names that were sealed.
    pub(super) fn read(text: &SecretText) -> Option<Self> {
        let (session, secret) = text.expose().split_once(' ')?;
        SessionSecret::parse(secret)?;
        Some(Self(Some(Rc::new(Fixed { session: SessionId::parse(session)?, secret: secret.to_owned() }))))
    }

    /// Gives a session its names, and back the secret of its page.
    ///
    /// # Errors
    /// A problem of ours.
    pub fn give(&self, session: &mut NewSession, secret: SessionSecret) -> Result<SessionSecret, Problem> {
        let Some(fixed) = &self.0 else { return Ok(secret) };
        let secret = SessionSecret::parse(&fixed.secret).ok_or_else(|| Problem::ours("names that do not read back"))?;
        session.id = fixed.session.clone();
        session.secret = secret.fingerprint();
        Ok(secret)
    }
}

impl FromRequest for Names {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}
