//! `POST /csp`: what browsers report of the page's policy.
//!
//! A report repeats addresses: the page's, with the session's secret in it, and
//! the one that was called, where a card number can stand that somebody tried
//! to carry off. So of a report only names from fixed lists are kept, the
//! body's memory is wiped, and the connection ends with the answer.

use crate::id::RequestId;
use crate::session::{Blocked, Directive, Session, SessionSecret, Violation};
use crate::window::Window;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

const MAX_BODY: usize = 16 * 1024;
const MAX_TIME: Duration = Duration::from_secs(10);
/// Reports that are read of one body.
const MAX_REPORTS: usize = 20;

/// How often what was violated by what, since the process started.
#[derive(Default)]
pub struct Violations([[AtomicU64; Blocked::COUNT]; Directive::COUNT]);

impl Violations {
    /// Counts one; says how many there are now.
    pub fn count(&self, violation: &Violation) -> u64 {
        self.counter(violation).fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many there are.
    #[must_use]
    pub fn so_far(&self, violation: &Violation) -> u64 {
        self.counter(violation).load(Ordering::Relaxed)
    }

    fn counter(&self, violation: &Violation) -> &AtomicU64 {
        &self.0[violation.directive.index()][violation.blocked.index()]
    }
}

/// Takes reports in either of the forms that browsers send.
pub async fn report(request: HttpRequest, payload: Payload, window: Data<Window>) -> HttpResponse {
    if let Some(Err(too_many)) = request.peer_addr().map(|peer| window.limits.report(peer.ip())) {
        let mut answer = HttpResponse::TooManyRequests();
        return answer.insert_header((RETRY_AFTER, too_many.retry_after_seconds)).force_close().finish();
    }
    let status = match (Form::of(&request), timeout(MAX_TIME, read(payload)).await) {
        (None, _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        (_, Err(_)) => StatusCode::REQUEST_TIMEOUT,
        (_, Ok(Err(status))) => status,
        (Some(form), Ok(Ok(body))) => {
            let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
            take(&window, &id, form.reports(&body)).await;
            StatusCode::NO_CONTENT
        }
    };
    HttpResponse::build(status).force_close().finish()
}

async fn read(mut payload: Payload) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST)?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Counts, logs and tells, once for each directive of a page.
async fn take(window: &Window, request_id: &str, reports: Vec<Report>) {
    let origin = window.origin();
    let mut taken: Vec<(&str, Directive)> = Vec::new();
    for report in reports.iter().take(MAX_REPORTS) {
        let page = report.page.as_str();
        let violation = Violation { directive: report.directive(), blocked: Blocked::of(&report.blocked, &origin) };
        let count = window.violations.count(&violation);
        window.metrics.violations.one([violation.directive.name(), violation.blocked.name()]);
        if taken.contains(&(page, violation.directive)) {
            continue;
        }
        taken.push((page, violation.directive));
        let session = session_of(window, page, &origin).await;
        let (directive, blocked) = (violation.directive.name(), violation.blocked.name());
        let known = session.as_ref().map_or("unknown", |session| session.id.as_str());
        tracing::warn!(request_id, session = known, directive, blocked, count, "a page was kept from doing something");
        if let Some(session) = session {
            tell(window, session, violation).await;
        }
    }
}

/// The session whose page it was, by the secret in its address.
async fn session_of(window: &Window, page: &str, our_origin: &str) -> Option<Session> {
    let page = Url::parse(page).ok().filter(|page| page.origin().ascii_serialization() == our_origin)?;
    let mut segments = page.path_segments()?;
    let secret = (segments.next() == Some("c")).then(|| segments.next()).flatten()?;
    let fingerprint = SessionSecret::fingerprint_of_presented(secret)?;
    let found = window.store.session_by_secret(fingerprint).await;
    found
        .unwrap_or_else(|error| {
            tracing::error!(error = %error, "the session of a report cannot be read");
            None
        })
        .map(|(session, _)| session)
}

async fn tell(window: &Window, session: Session, violation: Violation) {
    match window.store.record_violation(session.id, violation).await {
        Ok(true) => window.callback_wake.notify_one(),
        Ok(false) => {}
        Err(error) => tracing::error!(error = %error, "a violation cannot be recorded"),
    }
}

/// The two forms of a body.
#[derive(Clone, Copy)]
enum Form {
    /// Reporting API: a list of reports of every kind.
    Reports,
    /// `report-uri` of CSP level 2: one report.
    Legacy,
}

impl Form {
    fn of(request: &HttpRequest) -> Option<Self> {
        let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
        match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/reports+json" => Some(Self::Reports),
            "application/csp-report" => Some(Self::Legacy),
            _ => None,
        }
    }

    /// What can be read of a body; of what cannot, nothing.
    fn reports(self, body: &[u8]) -> Vec<Report> {
        match self {
            Self::Reports => {
                let reports: Vec<Envelope> = serde_json::from_slice(body).unwrap_or_default();
                let ours = reports.into_iter().filter(|report| report.kind == "csp-violation");
                ours.filter_map(|report| serde_json::from_value(report.body).ok()).collect()
            }
            Self::Legacy => serde_json::from_slice(body).map(|LegacyBody { report }| vec![report]).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    body: serde_json::Value,
}

#[derive(Deserialize)]
struct LegacyBody {
    #[serde(rename = "csp-report")]
    report: Report,
}

/// What is read of a report, under its names in both forms; not the sample of
/// the script, nor anything else. Not to be printed.
#[derive(Deserialize)]
struct Report {
    #[serde(alias = "documentURL", alias = "document-uri")]
    page: String,
    #[serde(alias = "effectiveDirective", alias = "effective-directive", default)]
    directive: String,
    /// The same in older browsers, which repeat the directive's sources.
    #[serde(rename = "violated-directive", default)]
    violated: String,
    #[serde(alias = "blockedURL", alias = "blocked-uri", default)]
    blocked: String,
}

impl Report {
    fn directive(&self) -> Directive {
        Directive::parse(if self.directive.is_empty() { &self.violated } else { &self.directive })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let modern = br#"[
            {"type":"deprecation","body":{"id":"x"}},
            {"type":"csp-violation","age":1,"url":"https://pay.example/c/s","user_agent":"x",
             "body":{"documentURL":"https://pay.example/c/s","effectiveDirective":"script-src-elem",
                     "blockedURL":"inline","sample":"alert('4355093000777068')","statusCode":200}},
            {"type":"csp-violation","body":null}]"#;
        let legacy = br#"{"csp-report":{"document-uri":"https://pay.example/c/s","effective-directive":"script-src-elem",
            "violated-directive":"script-src-elem 'sha256-x'","blocked-uri":"inline","script-sample":"alert(1)","status-code":200}}"#;
        for (form, body) in [(Form::Reports, &modern[..]), (Form::Legacy, &legacy[..])] {
            let reports = form.reports(body);
            assert_eq!(reports.len(), 1);
            let Report { page, blocked, .. } = &reports[0];
            assert_eq!((page.as_str(), blocked.as_str()), ("https://pay.example/c/s", "inline"));
            assert_eq!(reports[0].directive().name(), "script-src-elem");
        }
    }

    #[test]
    fn old_browsers_name_the_violated_directive() {
        let reports = Form::Legacy.reports(
            br#"{"csp-report":{"document-uri":"about","violated-directive":"img-src data:","blocked-uri":"x"}}"#,
        );
        assert_eq!(reports[0].directive().name(), "img-src");
    }

    #[test]
    fn what_is_no_report_is_nothing() {
        for body in [&b""[..], b"{}", b"[]", b"[1]", b"null", b"[{\"type\":\"csp-violation\",\"body\":\"x\"}]", b"\xff"]
        {
            assert!(Form::Reports.reports(body).is_empty() && Form::Legacy.reports(body).is_empty());
        }
    }

    #[test]
    fn violations_are_counted_by_kind() {
        let violations = Violations::default();
        let of = |directive, blocked| Violation { directive: Directive::parse(directive), blocked };
        let (one, other) = (of("script-src", Blocked::Inline), of("nonsense", Blocked::Other));
        assert_eq!((violations.count(&one), violations.count(&one), violations.count(&other)), (1, 2, 1));
        assert_eq!((violations.so_far(&one), violations.so_far(&of("script-src", Blocked::Eval))), (2, 0));
    }
}
