//! The end of a visit: how the browser brings an ended session's result to the
//! merchant, and what it is told on the way.

use super::{DoneView, Notice, Outcome, PostView, Visit};
use crate::handoff::{self, HandoffError, SignedResult};
use crate::session::{Handoff, Session, Status};
use actix_web::http::header::{REFERRER_POLICY, REFRESH};
use actix_web::{HttpResponse, HttpResponseBuilder};

impl Visit {
    /// The signed result of an ended session, while everybody whom its hand-off
    /// could bring it to is still on the merchant's allow-list.
    ///
    /// # Errors
    /// [`HandoffError`].
    pub async fn result(&self, session: &Session) -> Result<SignedResult, HandoffError> {
        let merchant = self.merchant().ok_or(HandoffError::NotAllowed)?;
        let has_listener = session.handoff != Handoff::Message || self.frame().is_some();
        if !has_listener || !merchant.allow_list.still_allows(session.destination(), session.mode) {
            return Err(HandoffError::NotAllowed);
        }
        self.window().results.of(session).await
    }

    /// The merchant's address with the result in its query.
    #[must_use]
    pub fn address(&self, session: &Session, result: &SignedResult) -> String {
        let with_token = self.merchant().is_some_and(|merchant| merchant.token_in_redirect);
        handoff::destination(session, result, with_token).into()
    }

    /// Where the form's script goes with an ended session. A redirect's token
    /// goes straight to the merchant, without a further connection to us.
    /// Everything else is told, posted or reported by our own page.
    pub async fn next(&self, session: &Session) -> String {
        if (session.status, session.handoff) == (Status::Completed, Handoff::Redirect)
            && let Ok(result) = self.result(session).await
        {
            return self.address(session, &result);
        }
        self.done_path()
    }

    /// `/c/{secret}/done`: the hand-off page.
    #[must_use]
    pub fn done_path(&self) -> String {
        format!("{}/done", self.path())
    }

    /// The page that brings the result on its way: at once, or by its link or button.
    pub fn leave(&self, answer: &mut HttpResponseBuilder, session: &Session, result: &SignedResult) -> HttpResponse {
        if session.handoff == Handoff::FormPost {
            return self.post(answer, session, result);
        }
        let next = self.address(session, result);
        let frame = self.frame().map(|frame| frame.with_result(result));
        // In a frame it would bring the shop's page into the frame.
        if frame.is_none() {
            answer.insert_header((REFRESH, format!("0; url={next}")));
        }
        let view = DoneView {
            locale: self.locale(),
            theme: self.theme(),
            merchant_name: self.merchant_name(),
            outcome: outcome(session),
            next: &next,
            frame: frame.as_ref(),
            sandbox: self.is_test(),
        };
        self.document(answer, self.window().pages.done(&view))
    }

    fn post(&self, answer: &mut HttpResponseBuilder, session: &Session, result: &SignedResult) -> HttpResponse {
        let frame = self.frame();
        let view = PostView {
            locale: self.locale(),
            theme: self.theme(),
            merchant_name: self.merchant_name(),
            outcome: outcome(session),
            action: session.destination().url(),
            fields: result.fields_with_token(),
            frame: frame.as_ref(),
            sandbox: self.is_test(),
        };
        // With the usual `same-origin` the shop would be sent `Origin: null`.
        answer.insert_header((REFERRER_POLICY, "strict-origin"));
        self.document(answer, self.window().pages.post(&view))
    }

    /// The page that says that a session is over, with the way back to the shop.
    pub fn say_over(
        &self,
        answer: &mut HttpResponseBuilder,
        session: &Session,
        notice: Notice,
        result: &SignedResult,
    ) -> HttpResponse {
        let back = match session.handoff {
            Handoff::FormPost => format!("{}{}", self.window().origin(), self.done_path()),
            Handoff::Redirect | Handoff::Message => self.address(session, result),
        };
        let frame = self.frame().map(|frame| frame.with_result(result));
        self.say(answer, notice, Some(&back), frame.as_ref())
    }
}

fn outcome(session: &Session) -> Outcome {
    match session.status {
        Status::Completed => Outcome::Completed,
        Status::Failed => Outcome::Failed,
        Status::Expired => Outcome::Expired,
        _ => Outcome::Canceled,
    }
}
