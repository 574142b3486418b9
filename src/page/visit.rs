//! One request of a browser at the window: who asks, for which session, in
//! which language, and how documents are answered to it.

use super::csp;
use super::{Document, FormView, Frame, Locale, Notice, NoticeView, Problem};
use crate::card::Month;
use crate::hardening::Fingerprint;
use crate::id::RequestId;
use crate::merchant::{Merchant, Mode, Theme};
use crate::session::{Handoff, Session, SessionSecret};
use crate::store::StoreError;
use crate::window::Window;
use actix_web::body::{MessageBody, SizedStream};
use actix_web::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType, HeaderName,
};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use jiff::Timestamp;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

const REPORTING_ENDPOINTS: HeaderName = HeaderName::from_static("reporting-endpoints");

/// A browser's request, and the merchant it turned out to be for.
pub struct Visit {
    window: Arc<Window>,
    secret: String,
    fingerprint: Option<Fingerprint>,
    request_id: RequestId,
    accept_language: Option<String>,
    wants_json: bool,
    client: Option<IpAddr>,
    locale: Locale,
    merchant: Option<Merchant>,
    test_mode: bool,
    frame: Option<Frame>,
}

impl Visit {
    /// A request for `/c/{secret}` or below.
    #[must_use]
    pub fn new(request: &HttpRequest, window: Arc<Window>, secret: String) -> Self {
        let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let accept_language = header(ACCEPT_LANGUAGE).map(str::to_owned);
        let fingerprint = SessionSecret::fingerprint_of_presented(&secret);
        Self {
            locale: Locale::negotiate(None, accept_language.as_deref(), &window.default_locale),
            wants_json: header(ACCEPT).is_some_and(|accept| accept.starts_with("application/json")),
            request_id: request.extensions().get::<RequestId>().cloned().unwrap_or_else(RequestId::generate),
            client: request.peer_addr().map(|peer| peer.ip()),
            accept_language,
            merchant: None,
            test_mode: false,
            frame: None,
            // Answers repeat the path; what cannot be a secret of ours may be anything, a card number too.
            secret: if fingerprint.is_some() { secret } else { "unknown".to_owned() },
            fingerprint,
            window,
        }
    }

    /// The session that the path's secret opens, of a merchant who is not
    /// switched off. From here on, texts are in the session's language.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_session(&mut self) -> Result<Option<Session>, StoreError> {
        let Some(secret) = self.fingerprint else { return Ok(None) };
        let Some((session, merchant)) = self.window.store.session_by_secret(secret).await? else { return Ok(None) };
        if merchant.disabled_at.is_some() {
            return Ok(None);
        }
        let accepted = self.accept_language.as_deref();
        self.locale = Locale::negotiate(session.locale.as_deref(), accepted, &self.window.default_locale);
        self.test_mode = session.mode == Mode::Test;
        let embedder = session.embed_origin.as_ref();
        let allowed = embedder.filter(|origin| merchant.allow_list.still_allows_origin(origin, session.mode));
        let reports = session.handoff == Handoff::Message;
        self.frame = allowed.map(|origin| Frame::new(origin.as_str(), reports, &self.path()));
        self.merchant = Some(merchant);
        Ok(Some(session))
    }

    /// What all requests share.
    #[must_use]
    pub fn window(&self) -> &Arc<Window> {
        &self.window
    }

    /// The name of this request in answers and logs.
    #[must_use]
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// The address that the connection comes from.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// The language of this answer.
    #[must_use]
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// Whether the form's script asks, not the browser itself.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.wants_json
    }

    /// `/c/{secret}`: the session's own page.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/c/{}", self.secret)
    }

    /// A token for the next rendering of the session's form.
    #[must_use]
    pub fn form_token(&self, session: &Session) -> String {
        self.window.form_tokens.issue(&session.id, Timestamp::now())
    }

    /// The card form.
    pub fn form(
        &self,
        answer: &mut HttpResponseBuilder,
        session: &Session,
        problem: Option<Problem<'_>>,
    ) -> HttpResponse {
        let now = Timestamp::now();
        let month = Month::not_over_anywhere(now);
        let left = session.expires_at.duration_since(now).as_secs();
        let path = self.path();
        let view = FormView {
            locale: self.locale,
            theme: self.theme(),
            merchant_name: self.merchant_name(),
            action: &path,
            cancel_action: Some(&format!("{path}/cancel")),
            form_token: &self.form_token(session),
            expires_in_seconds: u64::try_from(left).unwrap_or(0),
            this_month: (month.year(), month.month()),
            problem,
            frame: self.frame.as_ref(),
            sandbox: self.test_mode,
        };
        self.document(answer, self.window.pages.form(&view))
    }

    /// A page that says something about this request.
    pub fn notice(&self, answer: &mut HttpResponseBuilder, notice: Notice) -> HttpResponse {
        let frame = self.frame().map(|frame| frame.with_trouble(notice, notice.alert(self.locale)));
        self.say(answer, notice, None, frame.as_ref())
    }

    pub(super) fn say(
        &self,
        answer: &mut HttpResponseBuilder,
        notice: Notice,
        back: Option<&str>,
        frame: Option<&Frame>,
    ) -> HttpResponse {
        let path = self.path();
        let view = NoticeView {
            locale: self.locale,
            theme: self.theme(),
            notice,
            merchant_name: self.merchant_name(),
            back,
            refresh_to: (notice != Notice::NotFound && back.is_none()).then_some(&path),
            request_id: self.request_id.as_str(),
            frame,
            sandbox: self.test_mode,
        };
        self.document(answer, self.window.pages.notice(&view))
    }

    pub(super) fn theme(&self) -> &Theme {
        self.merchant.as_ref().map_or(&Theme::PLAIN, |merchant| &merchant.theme)
    }

    /// The frame that the session's documents may have.
    pub(super) fn frame(&self) -> Option<Frame> {
        self.frame.clone()
    }

    pub(super) fn merchant(&self) -> Option<&Merchant> {
        self.merchant.as_ref()
    }

    pub(super) fn merchant_name(&self) -> &str {
        self.merchant.as_ref().map_or("", |merchant| &merchant.name)
    }

    pub(super) fn is_test(&self) -> bool {
        self.test_mode
    }

    pub(super) fn document(&self, answer: &mut HttpResponseBuilder, document: Document) -> HttpResponse {
        answer
            .insert_header(ContentType::html())
            .insert_header((CONTENT_LANGUAGE, self.locale.code()))
            .insert_header((CONTENT_SECURITY_POLICY, document.csp))
            .insert_header((REPORTING_ENDPOINTS, csp::ENDPOINTS))
            .body(in_pieces(document.html))
    }
}

/// A page as a stream of slices. A connection keeps its write buffer for as
/// long as it lives, minutes between page and form: it must not have grown to
/// the size of a page.
fn in_pieces(html: String) -> impl MessageBody {
    const PIECE: usize = 8 * 1024;
    let page = Bytes::from(html);
    let length = page.len() as u64;
    let ends = (0..page.len()).step_by(PIECE);
    let pieces: Vec<_> = ends.map(|from| Ok::<_, Infallible>(page.slice(from..page.len().min(from + PIECE)))).collect();
    SizedStream::new(length, stream::iter(pieces))
}
