//! A merchant's theme, from the command line's own means to the cardholder's page.

use crate::harness::{Answer, Card, TestApp};
use serde_json::json;
use vezne::merchant::{Font, Scheme, Theme, ThemeChange};

async fn set(app: &TestApp, change: ThemeChange) {
    let mut merchant = app.admin.find(&app.shop.id).await.unwrap();
    merchant.theme = Theme::PLAIN.changed(change).unwrap();
    app.admin.save(&merchant).await.unwrap();
}

fn green() -> ThemeChange {
    ThemeChange { accent: Some("#00703c".to_owned()), font: Some(Font::Serif), ..ThemeChange::default() }
}

/// The sheets of a document, and the hashes that its policy allows.
fn sheets(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let inside = |text: &str| text.split_once("</style>").unwrap().0.to_owned();
    let policy = answer.header("content-security-policy");
    let allowed = policy.split_once("style-src ").unwrap().1.split_once(';').unwrap().0;
    (answer.text().split("<style>").skip(1).map(inside).collect(), allowed.split(' ').map(str::to_owned).collect())
}

#[tokio::test]
async fn a_theme_is_on_every_page_of_its_merchant_beside_the_same_sheet() {
    let app = TestApp::start().await;
    let plain = app.create_session(json!({})).await;
    let (before, hashes_before) = sheets(&app.get(&plain.path).await);
    assert_eq!((before.len(), hashes_before.len()), (1, 1));
    set(&app, green()).await;

    let session = app.create_session(json!({})).await;
    let form = app.get(&session.path).await.expect(200);
    app.submit_card(&session, Card::visa()).await.expect(303);
    let done = app.done(&session).await.answer;
    let canceled = app.create_session(json!({})).await;
    app.cancel(&canceled).await.expect(200);
    let gone = app.get(&canceled.path).await.expect(410);
    for answer in [form, done, gone] {
        let (themed, hashes) = sheets(&answer);
        assert_eq!((&themed[0], &hashes[0]), (&before[0], &hashes_before[0]), "the fixed sheet stays as it is");
        assert!(themed[1].contains("--accent:#00703c;") && themed[1].contains("Georgia,serif"), "{}", themed[1]);
        assert_eq!((themed.len(), hashes.len()), (2, 2));
        assert!(!answer.text().contains(" style="));
    }
    let nobodys = app.get("/c/00000000000000000000000000000000").await.expect(404);
    assert_eq!(sheets(&nobodys).0.len(), 1, "a page of no session is no merchant's");
}

#[tokio::test]
async fn a_theme_outlives_a_restart_and_can_be_taken_back() {
    let mut app = TestApp::start().await;
    set(&app, ThemeChange { scheme: Some(Scheme::Light), radius: Some(3), ..green() }).await;
    app.restart();
    let session = app.create_session(json!({})).await;
    let page = app.get(&session.path).await.expect(200);
    assert!(page.text().contains("--round:3px;") && page.text().contains("name=\"color-scheme\" content=\"light\""));
    let merchant = app.admin.find(&app.shop.id).await.unwrap();
    assert_eq!((merchant.theme.radius(), merchant.theme.font()), (Some(3), Font::Serif));
    set(&app, ThemeChange::default()).await;
    assert_eq!(sheets(&app.get(&session.path).await).0.len(), 1);
}
