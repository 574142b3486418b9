//! What a cardholder mistypes: told at its field, never shown back.

use crate::bad_input::takes_a_card;
use crate::harness::{Answer, Card, Form, TestApp, expiry_in};
use serde_json::json;

const NUMBER: &str = "4355093000777068";

/// The fields that the page marks, with their messages.
fn marked(answer: &Answer) -> Vec<&'static str> {
    let html = answer.text();
    let message = |field: &str| {
        let (_, rest) = html.split_once(&format!("id=\"{field}-error\">")).unwrap();
        !rest.starts_with("</p>")
    };
    let fields: Vec<_> = ["cardNumber", "expiry", "cvv"].into_iter().filter(|field| message(field)).collect();
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), fields.len());
    assert_eq!(html.matches("<li><a href=\"#").count(), fields.len(), "each is in the list, too");
    fields
}

#[tokio::test]
async fn each_mistake_is_shown_at_its_field_and_nothing_is_echoed() {
    let app = TestApp::start().await;
    let good = Card::visa;
    let rows = [
        ("check digit", Card { number: "4355093000777069".into(), ..good() }, &["cardNumber"][..]),
        ("short", Card { number: "43550930007".into(), ..good() }, &["cardNumber"]),
        ("long", Card { number: "43550930007770684355".into(), ..good() }, &["cardNumber"]),
        ("letters", Card { number: "4355x93000777068".into(), ..good() }, &["cardNumber"]),
        ("markup", Card { number: "<script>alert(1)</script>".into(), ..good() }, &["cardNumber"]),
        ("expired", Card { expiry: "01/20".into(), ..good() }, &["expiry"]),
        ("far ahead", Card { expiry: "01/2199".into(), ..good() }, &["expiry"]),
        ("month 13", Card { expiry: "13/40".into(), ..good() }, &["expiry"]),
        ("no date", Card { expiry: "yesterday".into(), ..good() }, &["expiry"]),
        ("short code", Card { cvv: "97".into(), ..good() }, &["cvv"]),
        ("Visa with four", Card { cvv: "9731".into(), ..good() }, &["cvv"]),
        ("Amex with three", Card { cvv: "973".into(), ..Card::amex() }, &["cvv"]),
        ("code of letters", Card { cvv: "97x".into(), ..good() }, &["cvv"]),
        (
            "nothing",
            Card { number: String::new(), expiry: String::new(), cvv: String::new() },
            &["cardNumber", "expiry", "cvv"],
        ),
        (
            "all at once",
            Card { number: "4355093000777069".into(), expiry: "01/20".into(), cvv: "9".into() },
            &["cardNumber", "expiry", "cvv"],
        ),
    ];
    let session = app.create_session(json!({})).await;
    for (what, card, fields) in rows {
        let answer = app.submit_card(&session, card.clone()).await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.text());
        assert_eq!(marked(&answer), fields, "{what}");
        assert!(answer.text().contains("<title>Error: "), "{what}");
        for typed in [&card.number, &card.expiry, &card.cvv].into_iter().filter(|typed| typed.len() > 3) {
            assert!(!answer.text().replace("09/29", "").contains(typed.as_str()), "{what}: {typed} comes back");
        }
        assert!(!answer.text().contains(&format!("value=\"{}\"", card.cvv)), "{what}");
    }
    assert_eq!(app.sandbox_calls(), 0);
    takes_a_card(&app, &session, "mistakes").await;
}

#[tokio::test]
async fn a_card_may_be_typed_as_it_is_printed() {
    let app = TestApp::start().await;
    let year = &expiry_in(3)[3..];
    for (number, expiry) in [
        ("4355 0930 0077 7068", format!("12 / {year}")),
        (" 4355-0930-0077-7068 ", format!("12/20{year}")),
        (NUMBER, format!("12{year}")),
        (NUMBER, format!("20{year}-12")),
        ("٤٣٥٥ ٠٩٣٠ ٠٠٧٧ ٧٠٦٨", format!("١٢/{year}")),
        ("۴۳۵۵۰۹۳۰۰۰۷۷۷۰۶۸", format!("12/{year}")),
        ("４３５５ ０９３０ ００７７ ７０６８", format!("１２／{year}")),
    ] {
        let session = app.create_session(json!({})).await;
        let card = Card { number: number.into(), expiry: expiry.clone(), ..Card::visa() };
        let answer = app.submit_card(&session, card).await;
        assert_eq!(answer.status, 303, "{number} {expiry}");
        assert_eq!(app.session(&session).await["cardToken"], app.sandbox.token_of(NUMBER));
    }
    let session = app.create_session(json!({})).await;
    let token = app.open_page(&session).await.token;
    let apart = Form::new().field("formToken", &token).field("cardNumber", NUMBER).field("cvv", "٧٣٧");
    let apart = apart.field("expiryMonth", "12").field("expiryYear", year);
    app.post(&session, apart).await.expect(303);
}
