//! What browsers report of a page's policy: what is told of it, and to whom.

use crate::harness::{Answer, Session, Setup, TestApp, keep_log, logged};
use serde_json::{Value, json};

const NUMBER: &str = "4355093000777068";

/// A report as browsers of today send it, with a card number wherever one could be.
fn modern(page: &str, directive: &str, blocked: &str) -> Value {
    json!({
        "type": "csp-violation", "age": 3, "url": page, "user_agent": format!("Mozilla {NUMBER}"),
        "body": {
            "documentURL": page, "referrer": "", "blockedURL": blocked, "effectiveDirective": directive,
            "originalPolicy": "default-src 'none'", "sample": format!("send('{NUMBER}')"), "disposition": "enforce",
            "statusCode": 200, "sourceFile": page, "lineNumber": 1, "columnNumber": 1
        }
    })
}

/// The same as older ones do.
fn legacy(page: &str, directive: &str, blocked: &str) -> Value {
    json!({ "csp-report": {
        "document-uri": page, "violated-directive": format!("{directive} 'none'"), "effective-directive": directive,
        "blocked-uri": blocked, "script-sample": format!("send('{NUMBER}')"), "status-code": 200
    } })
}

async fn send(app: &TestApp, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    app.client.request("POST", "/csp").body(kind, body).send().await
}

async fn report(app: &TestApp, reports: &[Value]) -> Answer {
    send(app, "application/reports+json", json!(reports).to_string()).await.expect(204)
}

async fn session_with_callback(app: &TestApp) -> (Session, String) {
    let changes = json!({ "callbackUrl": app.merchant.url(), "metadata": { "basket": "7" } });
    let session = app.create_session(changes).await;
    let page = format!("{}{}", app.origin(), session.path);
    (session, page)
}

#[tokio::test]
async fn a_violation_is_told_to_the_merchant_whose_page_it_was_once_for_each_directive() {
    keep_log();
    // Whose log this is: the test reads it.
    let app = Setup::default().in_this_process().start().await;
    let (session, page) = session_with_callback(&app).await;
    let evil = format!("https://evil.example/?pan={NUMBER}");
    let first = modern(&page, "connect-src", &evil);
    for _ in 0..3 {
        report(&app, &[first.clone(), first.clone()]).await;
    }
    let old = legacy(&page, "connect-src", &evil).to_string();
    send(&app, "application/csp-report", old).await.expect(204);
    report(&app, &[modern(&format!("{page}/done"), "script-src-elem", "inline")]).await;

    let events = app.merchant.received(2).await;
    for (event, (directive, blocked)) in
        events.iter().zip([("connect-src", "other_origin"), ("script-src-elem", "inline")])
    {
        assert!(event.verifies_with(&app.shop.webhook_secret));
        let body = event.json();
        assert_eq!((event.kind().as_str(), &body["data"]["session"]), ("page.violation", &json!(session.id)));
        assert_eq!((&body["data"]["directive"], &body["data"]["blocked"]), (&json!(directive), &json!(blocked)));
        assert_eq!(body["data"]["metadata"], json!({ "basket": "7" }));
        assert!(body["data"].get("signature").is_none() && body["data"].get("status").is_none(), "it is no result");
        let text = body.to_string();
        assert!(
            !text.contains(NUMBER) && !text.contains(&session.path[3..]) && !text.contains("evil.example"),
            "{text}"
        );
    }
    // The end of the session is told as ever, and there was no third report.
    app.cancel(&session).await.expect(200);
    let events = app.merchant.received(3).await;
    assert_eq!((events.len(), events[2].kind().as_str()), (3, "session.canceled"));
    nothing_of_the_report_is_kept(&app, &session);
}

fn nothing_of_the_report_is_kept(app: &TestApp, session: &Session) {
    let log = logged();
    let lines: Vec<_> = log.lines().filter(|line| line.starts_with("vezne") && line.contains(&session.id)).collect();
    let told = lines.iter().find(|line| line.contains("kept from doing")).expect("a line says so");
    assert!(told.contains("connect-src") && told.contains("other_origin") && told.contains("count="), "{told}");
    for line in log.lines().filter(|line| line.starts_with("vezne")) {
        assert!(
            !line.contains(&session.path[3..]) && !line.contains("evil.example") && !line.contains(NUMBER),
            "{line}"
        );
    }
    for file in app.files() {
        let bytes = std::fs::read(&file).unwrap();
        for needle in [NUMBER, "evil.example", &session.path[3..]] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()), "{}", file.display());
        }
    }
}

#[tokio::test]
async fn reports_of_nobodys_page_are_counted_and_told_to_nobody() {
    let app = TestApp::start().await;
    let unheard = app.create_session(json!({})).await;
    let (session, page) = session_with_callback(&app).await;
    let origin = app.origin();
    for page in [
        format!("{origin}{}", unheard.path),
        format!("{origin}/c/00000000000000000000000000000000"),
        format!("{origin}/c/{}", session.id),
        format!("https://elsewhere.example{}", session.path),
        page.replace("/c/", "/x/"),
        "about:blank".to_owned(),
        String::new(),
    ] {
        report(&app, &[modern(&page, "img-src", "https://evil.example")]).await;
    }
    // The one whose merchant has no endpoint is there to be asked for.
    assert_eq!(app.events(), [("unaddressed".to_owned(), None)]);
    assert!(app.merchant.so_far().is_empty());
}

#[tokio::test]
async fn the_number_of_events_is_bounded_by_the_directives() {
    let app = TestApp::start().await;
    let (_, page) = session_with_callback(&app).await;
    for batch in 0..5 {
        let directive = |number: usize| format!("made-up-{}", batch * 20 + number);
        let reports: Vec<_> = (0..40).map(|number| modern(&page, &directive(number), "inline")).collect();
        let small: Vec<_> = reports.chunks(15).collect();
        for reports in small {
            report(&app, reports).await;
        }
    }
    assert_eq!(app.events().len(), 1, "names that are on no list are one");
}

#[tokio::test]
async fn what_cannot_be_read_changes_nothing_and_ends_its_connection() {
    let app = TestApp::start().await;
    let (_, page) = session_with_callback(&app).await;
    let good = json!([modern(&page, "img-src", "inline")]).to_string();
    let padded = good.replace("[{", &format!("[{}{{", " ".repeat(17_000)));
    let refusals = [
        (send(&app, "application/json", good.clone()).await, 415),
        (app.client.request("POST", "/csp").send().await, 415),
        (send(&app, "application/reports+json", padded).await, 413),
        (send(&app, "application/reports+json", "{").await, 204),
        (send(&app, "application/csp-report", good).await, 204),
        (send(&app, "application/reports+json", vec![0xff; 99]).await, 204),
    ];
    for (answer, status) in refusals {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("connection"), "close");
        assert!(answer.body.is_empty());
    }
    assert_eq!(app.get("/csp").await.status, 405);
    assert_eq!(app.events(), []);
}

#[tokio::test]
async fn a_flood_of_reports_is_not_read_and_takes_no_pages_from_the_cardholder() {
    let app = TestApp::with("limits.page_per_minute", "5").start().await;
    let (session, _) = session_with_callback(&app).await;
    let mut refused = None;
    for _ in 0..40 {
        let answer = send(&app, "application/reports+json", "[]").await;
        refused = refused.or((answer.status == 429).then_some(answer));
    }
    let refused = refused.expect("a limit");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    app.get(&session.path).await.expect(200);
}
