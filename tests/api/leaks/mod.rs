//! What a log, an answer or a message on standard error must not hold, whatever
//! goes wrong: the service is driven through every error path that its tables
//! name, and all that it says is searched.

mod calls;
mod drive;
mod forms;
mod needles;
mod outcomes;
mod processes;

use crate::harness::{Setup, TestApp, keep_log, logged};
use drive::Drive;
use outcomes::{a_provider_of_another_name, a_provider_that_echoes, every_callback, every_card, until_all_are_settled};
use std::collections::BTreeSet;
use tokio::net::TcpListener;

/// The service in four roles: the usual one; one whose limit is soon reached;
/// one whose provider repeats what it hears; one whose provider proves nothing.
struct Scene {
    usual: Drive,
    narrow: Drive,
    hostile: Drive,
    away: Drive,
    /// Takes connections and ends them.
    hangs_up: TcpListener,
}

impl Scene {
    async fn start(adapt: impl Fn(Setup) -> Setup) -> Self {
        let start = async |setup: Setup| Drive::new(adapt(setup.set("log.level", "trace")).start().await);
        let quick = TestApp::with("callback.retry_seconds", "1")
            .set("callback.timeout_ms", "500")
            .set("provider.card_token.test.timeout_ms", "1500")
            .set("egress.allow", "127.0.0.0/8")
            .set("egress.nameservers", "127.0.0.1:1");
        // The ports of the callbacks that fail, but for the one that is closed.
        let hangs_up = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let usual = start(quick.calling(1).calling(443).calling(hangs_up.local_addr().unwrap().port())).await;
        let provider = || TestApp::with("provider.card_token.test.url", &usual.app.merchant.url());
        let certificate = usual.app.merchant.certificate.to_str().unwrap();
        let hostile = start(provider().set("provider.card_token.test.ca_file", certificate)).await;
        let away = start(provider()).await;
        Self { narrow: start(calls::narrow()).await, usual, hostile, away, hangs_up }
    }

    async fn drive(&self) {
        outcomes::break_certificate(&self.narrow.app);
        tokio::join!(every_card(&self.usual), forms::every_fault(&self.usual));
        until_all_are_settled(&self.usual).await;
        a_provider_that_echoes(&self.usual, &self.hostile).await;
        a_provider_of_another_name(&self.away).await;
        calls::every_problem(&self.usual, &self.narrow).await;
        every_callback(&self.usual, &self.hangs_up).await;
    }

    fn drives(&mut self) -> [&mut Drive; 4] {
        [&mut self.usual, &mut self.narrow, &mut self.hostile, &mut self.away]
    }

    /// Every kind of failure that the code's own tables name was provoked: a new row fails here until it is.
    fn assert_complete(&self, log: &str) {
        let slugs = vezne::error::KINDS.iter().map(|kind| kind.slug.to_owned()).collect();
        let problems = &self.usual.problems() | &self.narrow.problems();
        assert_covers("problem", &problems, &slugs);
        let faults = words_of(include_str!("../../../src/intake/form.rs"), "pub fn name(self)");
        assert_covers("fault of a form", &self.usual.reasons(), &faults);
        let failures = words_of(include_str!("../../../src/provider/error.rs"), "pub fn name(&self)");
        let logged = failures.iter().filter(|name| log.contains(&format!("\"outcome\":\"{name}\""))).cloned().collect();
        assert_covers("failure of the provider", &logged, &failures);
        let mut reasons = words_of(include_str!("../../../src/handoff/verdict.rs"), "fn reason_of(");
        reasons.extend(["status", "redirect", "gone", "not_allowed", "not_signed"].map(str::to_owned));
        let failed = outcomes::callback_reasons(&self.usual).into_iter().collect();
        assert_covers("failure of a callback", &failed, &reasons);
    }
}

/// The quoted words of one function: its table of names.
fn words_of(source: &str, function: &str) -> BTreeSet<String> {
    let code = source.split_once(function).unwrap().1;
    let body = code.split("\n    }\n").next().unwrap().split("\n}\n").next().unwrap();
    let words: BTreeSet<_> = body.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(words.len() > 5, "{function}: {words:?}");
    words
}

fn assert_covers(what: &str, provoked: &BTreeSet<String>, table: &BTreeSet<String>) {
    let missing: Vec<_> = table.difference(provoked).collect();
    assert!(missing.is_empty(), "this test provokes no {what} of the kinds {missing:?}; provoked: {provoked:?}");
}

/// A text in a log that stands where the scrubber found a card number.
const MASKED: &str = "*****";

#[tokio::test]
async fn whatever_goes_wrong_nothing_secret_leaves_the_process() {
    let mut scene = Scene::start(Setup::in_a_process).await;
    Box::pin(scene.drive()).await;
    let mut log = String::new();
    let mut found = Vec::new();
    let needles = [scene.usual.all_needles(), scene.hostile.all_needles()];
    for drive in scene.drives() {
        let output = drive.app.stop();
        assert!(output.contains("\"serving\"") && output.contains("\"stopped\""), "{output}");
        for needles in &needles {
            found.extend(needles.found_in("log", &output));
        }
        assert!(!output.contains(MASKED), "{:?}", output.lines().find(|line| line.contains(MASKED)));
        found.extend(drive.found_in_answers());
        log.push_str(&output);
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
    scene.assert_complete(&log);
    assert!(log.contains("new certificate refused"), "the broken certificate was noticed");
    libraries_speak_of_trouble_only(&log);
}

/// Every line is the log's, none a panic's or a library's own; what libraries say below `warn`
/// shows what they carry.
fn libraries_speak_of_trouble_only(log: &str) {
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let target = line["target"].as_str().unwrap();
        let is_trouble = ["warn", "error"].contains(&line["level"].as_str().unwrap());
        assert!(target == "vezne" || target.starts_with("vezne::") || is_trouble, "{line}");
    }
}

#[tokio::test]
async fn nothing_secret_is_said_to_the_log_that_it_would_have_to_mask() {
    keep_log();
    let scene = Scene::start(Setup::in_this_process).await;
    Box::pin(scene.drive()).await;
    let text = logged();
    // Libraries log what they carry, a wrong header for instance, but below the level from which
    // production hears them; vezne itself says nothing secret at any level.
    let is_heard = |line: &&str| line.starts_with("vezne") || line.contains(" WARN ") || line.contains(" ERROR ");
    let heard = text.lines().filter(is_heard).collect::<Vec<_>>().join("\n");
    assert!(heard.contains("provider refused the card") && heard.contains("callback given up"), "the log was kept");
    assert!(text.contains("actix_http") && text.contains(drive::MARK), "libraries were listened to as well");
    let needles = [scene.usual.all_needles(), scene.hostile.all_needles()];
    let found: Vec<_> = needles.iter().flat_map(|needles| needles.found_in("log", &heard)).collect();
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}
