//! What holds for whole documents.

use super::*;
use crate::card::{CvvError, ExpiryError, PanError};
use crate::merchant::Theme;

const MISTAKES: &[FieldProblem] = &[
    FieldProblem::CardNumber(PanError::Luhn),
    FieldProblem::Expiry(ExpiryError::Past),
    FieldProblem::Cvv(CvvError::Empty),
];

fn locale(tag: &str) -> Locale {
    Locale::negotiate(Some(tag), None, "tr")
}

fn form_view(problem: Option<Problem<'_>>) -> FormView<'_> {
    FormView {
        locale: locale("tr"),
        theme: &Theme::PLAIN,
        merchant_name: "Kırmızı Kedi Kitap",
        action: "/c/secret",
        cancel_action: Some("/c/secret/cancel"),
        form_token: "token-1",
        expires_in_seconds: 900,
        this_month: (2026, 3),
        problem,
        frame: None,
        sandbox: false,
    }
}

fn problems() -> [Option<Problem<'static>>; 5] {
    [
        None,
        Some(Problem::Fields(MISTAKES)),
        Some(Problem::Declined { provider_message: Some("Kart limiti yetersiz"), attempts_left: 3 }),
        Some(Problem::TryAgain),
        Some(Problem::FormStale),
    ]
}

fn notice_view(notice: Notice) -> NoticeView<'static> {
    NoticeView {
        locale: locale("tr"),
        theme: &Theme::PLAIN,
        notice,
        merchant_name: "Kırmızı Kedi",
        back: Some("https://shop.example/back?a=1&b=2"),
        refresh_to: Some("/c/secret"),
        request_id: "req_1",
        frame: None,
        sandbox: false,
    }
}

fn done_view(next: &str) -> DoneView<'_> {
    let (locale, merchant_name, theme) = (locale("tr"), "Kırmızı Kedi", &Theme::PLAIN);
    DoneView { locale, theme, merchant_name, outcome: Outcome::Completed, next, frame: None, sandbox: false }
}

/// The tags of a document that start with `name`, as `<name …>`.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split('<').filter(|rest| rest.starts_with(name)).map(|rest| rest.split('>').next().unwrap()).collect()
}

/// What stands between `open` and `close`.
fn between<'a>(html: &'a str, open: &str, close: &str) -> Option<&'a str> {
    html.split_once(open)?.1.split_once(close).map(|(text, _)| text)
}

#[test]
fn no_card_field_ever_has_a_value() {
    let pages = Pages::new();
    for problem in problems() {
        let html = pages.form(&form_view(problem)).html;
        let inputs = tags(&html, "input");
        assert_eq!(inputs.len(), 6);
        for input in inputs {
            assert!(!input.contains("value=") || input.contains("type=\"hidden\""), "{input}");
        }
    }
}

#[test]
fn no_two_renderings_are_the_same_form_to_a_browser() {
    let name = |form_token| {
        let html = Pages::new().form(&FormView { form_token, ..form_view(None) }).html;
        let first = tags(&html, "input")[0].to_owned();
        assert!(first.contains("name=\"rendering-") && first.ends_with(" disabled"), "{first}");
        assert!(!first.contains(form_token));
        first
    };
    assert_ne!(name("token-1"), name("token-2"));
}

#[test]
fn the_form_posts_what_the_intake_reads() {
    let html = Pages::new().form(&form_view(None)).html;
    assert_eq!(html.matches("method=\"post\"").count(), 2);
    assert_eq!(html.matches("enctype=\"multipart/form-data\"").count(), 2);
    assert_eq!(html.matches("name=\"formToken\" value=\"token-1\"").count(), 2);
    for (name, autocomplete) in [("cardNumber", "cc-number"), ("expiry", "cc-exp"), ("cvv", "cc-csc")] {
        let attributes = format!(
            "name=\"{name}\" type=\"text\" dir=\"ltr\" inputmode=\"numeric\" autocomplete=\"{autocomplete}\" maxlength="
        );
        assert!(html.contains(&attributes), "{name}");
        assert!(html.contains(&format!("<label for=\"{name}\">")), "{name}");
        assert!(html.contains(&format!("id=\"{name}-error\"")), "{name}");
    }
}

#[test]
fn without_a_way_to_cancel_there_is_no_cancel_form() {
    let view = FormView { cancel_action: None, ..form_view(None) };
    assert_eq!(tags(&Pages::new().form(&view).html, "form").len(), 1);
}

#[test]
fn mistakes_stand_at_their_fields_and_in_the_list() {
    let html = Pages::new().form(&form_view(Some(Problem::Fields(MISTAKES)))).html;
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 3);
    assert!(html.contains("role=\"alert\" tabindex=\"-1\" autofocus"));
    for problem in MISTAKES {
        let message = problem.message(&locale("tr").texts().fields);
        assert!(html.contains(&format!("id=\"{}-error\">{message}</p>", problem.field().name())));
        assert!(html.contains(&format!("<a href=\"#{}\">{message}</a>", problem.field().name())));
    }
    assert!(between(&html, "<title>", "</title>").unwrap().starts_with("Hata: "));
}

#[test]
fn what_others_wrote_stays_text() {
    let pages = Pages::new();
    let hostile = "\"><script>alert(1)</script>{shop}'&";
    let declined = Problem::Declined { provider_message: Some(hostile), attempts_left: 2 };
    let form = FormView { merchant_name: hostile, form_token: hostile, ..form_view(Some(declined)) };
    let notice = NoticeView {
        merchant_name: hostile,
        back: Some("https://shop.example/"),
        refresh_to: Some(hostile),
        request_id: hostile,
        ..notice_view(Notice::Waiting)
    };
    let next = format!("https://shop.example/{hostile}");
    let done = DoneView { merchant_name: hostile, ..done_view(&next) };
    for document in [pages.form(&form), pages.notice(&notice), pages.done(&done)] {
        assert!(!document.html.contains("<script>alert(1)"), "{}", document.html);
        assert!(!document.html.contains("\">&#60;script"), "an attribute was ended");
        assert!(document.html.contains("&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;"));
    }
}

#[test]
fn policies_name_exactly_what_is_inlined() {
    let pages = Pages::new();
    let waiting = pages.notice(&notice_view(Notice::Waiting));
    for document in [pages.form(&form_view(None)), waiting, pages.done(&done_view("https://shop.example/"))] {
        for (open, close, directive) in [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
        {
            let inlined = between(&document.html, open, close).unwrap().to_owned();
            let hash = assets::Asset::new(inlined).hash;
            assert!(document.csp.contains(&format!("{directive} '{hash}'")), "{directive}");
            assert_eq!(document.html.matches(open).count(), 1);
        }
        assert!(!document.html.contains(" style=") && !document.html.contains(" onclick="));
    }
}

fn frame(reports: bool) -> Frame {
    Frame::new("https://shop.example", reports, "/c/secret")
}

fn post_view(action: &url::Url) -> PostView<'_> {
    PostView {
        theme: &Theme::PLAIN,
        locale: locale("tr"),
        merchant_name: "Kırmızı Kedi",
        outcome: Outcome::Completed,
        action,
        fields: vec![("session", "ses_1"), ("cardToken", "a+b/<\"&=")],
        frame: None,
        sandbox: false,
    }
}

#[test]
fn every_document_of_a_framed_session_speaks_with_its_frame_and_no_other_may_have_it() {
    let (pages, frame) = (Pages::new(), frame(true));
    let action = "https://shop.example/return".parse().unwrap();
    let documents = [
        pages.form(&FormView { frame: Some(&frame), ..form_view(None) }),
        pages.notice(&NoticeView { frame: Some(&frame), ..notice_view(Notice::Waiting) }),
        pages.notice(&NoticeView { frame: Some(&frame), ..notice_view(Notice::Expired) }),
        pages.done(&DoneView { frame: Some(&frame), ..done_view("https://shop.example/") }),
        pages.post(&PostView { frame: Some(&frame), ..post_view(&action) }),
    ];
    for Document { html, csp } in documents {
        assert!(csp.contains("frame-ancestors https://shop.example; "), "{csp}");
        assert!(html.contains(r#"id="frame">{"origin":"https://shop.example","reports":true}</script>"#), "{html}");
        for script in html.split("<script>").skip(1).map(|rest| rest.split("</script>").next().unwrap()) {
            assert!(csp.contains(&assets::Asset::new(script.to_owned()).hash));
        }
        for link in tags(&html, "a ").into_iter().filter(|link| link.contains("https://")) {
            assert!(link.contains("target=\"_top\""), "{link}");
        }
    }
}

#[test]
fn the_end_of_a_framed_session_leaves_for_the_shop_only_where_nobody_waits_in_its_page() {
    let pages = Pages::new();
    for (reports, leaves) in [(true, false), (false, true)] {
        let frame = frame(reports);
        let html = pages.done(&DoneView { frame: Some(&frame), ..done_view("https://shop.example/") }).html;
        assert_eq!(html.contains(" data-leave=\""), leaves);
        assert_eq!(html.contains(" data-leave-alone>"), reports, "outside of a frame it leaves all the same");
        let form = pages.form(&FormView { frame: Some(&frame), ..form_view(None) }).html;
        assert_eq!(form.contains("id=\"unconnected\""), reports);
    }
}

#[test]
fn the_posting_page_escapes_what_it_posts_and_has_a_button() {
    let action = "https://shop.example/return?a=1&b=2".parse().unwrap();
    let Document { html, csp } = Pages::new().post(&post_view(&action));
    assert!(html.contains("action=\"https://shop.example/return?a=1&#38;b=2\""), "{html}");
    assert!(html.contains("value=\"a+b/&#60;&#34;&#38;=\""), "{html}");
    assert!(html.contains("<button class=\"button\" type=\"submit\">") && html.contains("accept-charset=\"utf-8\""));
    assert!(csp.contains("form-action https://shop.example; ") && !csp.contains("connect-src"), "{csp}");
}

#[test]
fn trouble_is_told_to_the_page_around() {
    let said = frame(true).with_trouble(Notice::ServerTrouble, Notice::ServerTrouble.alert(locale("en")));
    let html = Pages::new().notice(&NoticeView { frame: Some(&said), ..notice_view(Notice::ServerTrouble) }).html;
    assert!(html.contains(r#""trouble":{"code":"server-trouble","message":"Something went wrong"#), "{html}");
    let quiet = frame(true).with_trouble(Notice::Waiting, Notice::Waiting.alert(locale("en")));
    let html = Pages::new().notice(&NoticeView { frame: Some(&quiet), ..notice_view(Notice::Waiting) }).html;
    assert!(!html.contains("trouble\":"));
}

#[test]
fn a_notice_without_refresh_runs_nothing() {
    let document = Pages::new().notice(&notice_view(Notice::Expired));
    assert!(!document.html.contains("<script") && !document.html.contains("http-equiv"));
    assert!(!document.csp.contains("script-src"));
    assert!(document.html.contains("href=\"https://shop.example/back?a=1&#38;b=2\""));
}

#[test]
fn every_notice_says_its_own_thing_in_every_language() {
    let pages = Pages::new();
    let notices = [
        Notice::NotFound,
        Notice::Expired,
        Notice::Canceled,
        Notice::Waiting,
        Notice::TooManyRequests,
        Notice::BadRequest,
        Notice::ServerTrouble,
        Notice::Failed,
    ];
    let mut seen = std::collections::BTreeSet::new();
    for locale in Locale::all() {
        for notice in notices {
            let html = pages.notice(&NoticeView { locale, ..notice_view(notice) }).html;
            assert!(html.contains(&format!("<html lang=\"{}\" dir=\"{}\">", locale.code(), locale.dir())));
            assert!(seen.insert(between(&html, "<main>", "</main>").unwrap().to_owned()), "{notice:?}");
        }
    }
}

#[test]
fn only_trouble_that_passes_offers_another_try() {
    let link = format!("href=\"/c/secret\">{}", locale("tr").texts().frame.retry);
    for (notice, offered) in [(Notice::ServerTrouble, true), (Notice::TooManyRequests, true), (Notice::Failed, false)] {
        assert_eq!(Pages::new().notice(&notice_view(notice)).html.contains(&link), offered, "{notice:?}");
    }
}

#[test]
fn the_waiting_page_comes_back_with_and_without_scripts() {
    let html = Pages::new().notice(&notice_view(Notice::Waiting)).html;
    assert!(html.contains("<meta http-equiv=\"refresh\" content=\"2; url=/c/secret\">"));
    assert!(html.contains("data-leave=\"/c/secret\""));
}

#[test]
fn the_way_back_leads_to_web_addresses_only() {
    let pages = Pages::new();
    let html = pages.done(&done_view("https://shop.example/r?a=1&b=2")).html;
    assert_eq!(html.matches("=\"https://shop.example/r?a=1&#38;b=2\"").count(), 2);
    for address in ["javascript:alert(1)", "data:text/html,x", "//shop.example", "shop:back"] {
        let notice = NoticeView { back: Some(address), ..notice_view(Notice::Failed) };
        for document in [pages.done(&done_view(address)), pages.notice(&notice)] {
            assert!(!document.html.contains(address), "{address}");
        }
    }
}

#[test]
fn test_mode_is_marked() {
    let pages = Pages::new();
    assert!(!pages.form(&form_view(None)).html.contains("class=\"test-mode\""));
    let view = FormView { sandbox: true, ..form_view(None) };
    assert!(pages.form(&view).html.contains("class=\"test-mode\""));
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let pages = Pages::new();
    for document in [pages.form(&form_view(None)), pages.notice(&notice_view(Notice::Waiting))] {
        let without_icon = document.html.replace("http://www.w3.org/2000/svg", "");
        let without_shop = without_icon.replace("https://shop.example", "");
        assert!(
            !without_shop.contains("http://") && !without_shop.contains("https://") && !document.html.contains("src=")
        );
    }
}

#[test]
fn the_privacy_notice_is_linked_below_every_document_in_its_language() {
    let pages = Pages::new().with_privacy_notice(Some("https://bank.example/{locale}/kvkk?a=1&b=\""));
    for locale in Locale::all() {
        let form = pages.form(&FormView { locale, ..form_view(None) });
        let notice = pages.notice(&NoticeView { locale, ..notice_view(Notice::Expired) });
        let done = pages.done(&DoneView { locale, ..done_view("https://shop.example/") });
        for document in [form, notice, done] {
            let address = format!("https://bank.example/{}/kvkk?a=1&#38;b=&#34;", locale.code());
            let link = format!("<a href=\"{address}\" target=\"_blank\" rel=\"noopener noreferrer\">");
            let text = between(&document.html, &link, "</a>").unwrap();
            assert!(text.starts_with(&locale.texts().frame.privacy), "{text}");
            assert!(
                text.contains(&format!("<span class=\"unseen\">({})</span>", locale.texts().frame.new_tab)),
                "{text}"
            );
            assert!(!document.csp.contains("bank.example"));
        }
    }
    assert!(!Pages::new().form(&form_view(None)).html.contains("_blank"));
}

#[test]
fn what_others_wrote_keeps_its_direction_and_its_language() {
    let pages = Pages::new();
    let declined = Problem::Declined { provider_message: Some("Kart limiti yetersiz"), attempts_left: 3 };
    let view = FormView { locale: locale("ar"), ..form_view(Some(declined)) };
    let html = pages.form(&view).html;
    assert!(html.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(html.contains("<bdi lang=\"\">Kart limiti yetersiz</bdi>"));
    assert_eq!(html.matches("<bdi>Kırmızı Kedi Kitap</bdi>").count(), 3);
    for input in tags(&html, "input").iter().filter(|input| !input.contains("hidden")) {
        assert!(input.contains("dir=\"ltr\""), "{input}");
    }
    let notice = pages.notice(&NoticeView { locale: locale("ar"), ..notice_view(Notice::Expired) }).html;
    assert!(notice.contains("<bdi>Kırmızı Kedi</bdi>") && notice.contains("<bdi>req_1</bdi>"));
}

/// The promise is 25 KB compressed; text like this shrinks to under a third,
/// so the bound on raw bytes keeps it with room.
#[test]
fn the_form_stays_small() {
    let largest = problems().map(|problem| Pages::new().form(&form_view(problem)).html.len()).into_iter().max();
    assert!(largest < Some(60_000), "{largest:?}");
}

/// The inventory is read off the assets; this holds it to the documents.
#[test]
fn the_inventory_is_what_documents_carry() {
    let pages = Pages::new();
    let inventory = pages.inventory();
    let mut seen = std::collections::BTreeSet::new();
    let mut documents = pages.samples();
    documents.extend(Locale::all().map(|locale| pages.form(&FormView { locale, ..form_view(None) })));
    for document in documents {
        for element in scan::elements(&document.html).unwrap() {
            let kind = match element.name {
                "style" => Kind::Style,
                "script" if element.attribute("type") == Some("application/json") => Kind::Data,
                "script" => Kind::Script,
                _ => continue,
            };
            let found = inventory.find(kind, element.text).map(|item| item.name.clone());
            // The two whose values differ, by merchant and by session.
            let by_form = match kind {
                Kind::Style => pages.palettes.is_theme(element.text).then_some("theme"),
                _ => Frame::is_data(element.text).then_some("frame data"),
            };
            let name = found.or(by_form.map(str::to_owned));
            seen.insert(name.unwrap_or_else(|| panic!("not in the inventory: {}", element.text)));
        }
    }
    let listed = inventory.items.iter().map(|item| item.name.clone());
    assert!(seen.iter().cloned().eq(listed.collect::<std::collections::BTreeSet<_>>()), "{seen:?}");
    for item in &inventory.items {
        assert!(!item.name.is_empty() && item.purpose.len() > 40, "{item:?}");
        let differs = ["theme", "frame data"].contains(&item.name.as_str());
        assert!(differs || (item.bytes.is_some() && item.sha384.is_some()), "{item:?}");
    }
}

#[test]
fn a_theme_is_beside_the_fixed_sheet_and_changes_nothing_of_it() {
    use crate::merchant::{Scheme, ThemeChange};
    let pages = Pages::new();
    let accent = Some("#00703c".to_owned());
    let theme = Theme::PLAIN.changed(ThemeChange { accent, scheme: Some(Scheme::Dark), ..ThemeChange::default() });
    assert!(theme.is_err(), "dark pages need a lighter accent");
    let accent = Some("#59cdb6".to_owned());
    let change = ThemeChange { accent, scheme: Some(Scheme::Dark), radius: Some(0), ..ThemeChange::default() };
    let theme = Theme::PLAIN.changed(change).unwrap();
    let documents = [
        pages.form(&FormView { theme: &theme, ..form_view(None) }),
        pages.notice(&NoticeView { theme: &theme, ..notice_view(Notice::ServerTrouble) }),
        pages.done(&DoneView { theme: &theme, ..done_view("https://shop.example/") }),
    ];
    for document in documents {
        let sheets: Vec<_> =
            document.html.split("<style>").skip(1).map(|it| it.split_once("</style>").unwrap().0).collect();
        let hashes: Vec<_> = sheets.iter().map(|text| assets::Asset::new((*text).to_owned()).hash).collect();
        assert!(document.csp.contains(&format!("style-src '{}' '{}';", hashes[0], hashes[1])), "{}", document.csp);
        assert_eq!(hashes[0], pages.style.hash);
        assert!(sheets[1].contains("--accent:#59cdb6;") && sheets[1].contains("--round:0px;"), "{}", sheets[1]);
        assert!(document.html.contains("<meta name=\"color-scheme\" content=\"dark\">"));
        assert_eq!(document.html.matches("name=\"theme-color\" content=\"#0e1217\">").count(), 1);
    }
}
