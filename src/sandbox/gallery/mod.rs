//! `/gallery`: every state of the card page side by side, with example data and
//! no session, made by the code that makes the page itself. Nothing that is
//! typed there can be sent: the documents' policy forbids it.

mod states;

use crate::page::{Locale, Pages};
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use states::{STATES, State};

/// Widths to look at: the narrowest that WCAG 2.2 (1.4.10) asks for, a phone, a
/// tablet, a desktop.
const WIDTHS: [u16; 4] = [320, 390, 768, 1280];
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; frame-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The gallery's pages.
pub fn routes(config: &mut web::ServiceConfig) {
    let pages = Pages::new().with_privacy_notice(Some("https://example.com/{locale}/privacy"));
    config
        .app_data(web::Data::new(pages))
        .route("/gallery", web::get().to(index))
        .route("/gallery/gallery.css", web::get().to(style))
        .route("/gallery/gallery.js", web::get().to(script))
        .route("/gallery/{state}", web::get().to(document));
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    #[default]
    Light,
    Dark,
}

const SCHEMES: [Scheme; 2] = [Scheme::Light, Scheme::Dark];

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What is looked at, and how.
#[derive(Deserialize)]
struct Choice {
    locale: Option<String>,
    #[serde(default)]
    scheme: Scheme,
    width: Option<u16>,
}

#[derive(Template)]
#[template(config = "src/sandbox/askama.toml", path = "gallery/index.html")]
struct Index {
    locale: Locale,
    scheme: Scheme,
    width: u16,
    states: &'static [State],
}

/// One of several ways to look.
struct Way {
    address: String,
    name: String,
    is_taken: bool,
}

impl Index {
    /// By what the ways differ, and the ways.
    fn ways(&self) -> [(&'static str, Vec<Way>); 3] {
        let (locale, scheme, width) = (self.locale, self.scheme, self.width);
        let way = |other: (Locale, Scheme, u16), name: String| Way {
            address: format!("/gallery?locale={}&scheme={}&width={}", other.0.code(), other.1.name(), other.2),
            name,
            is_taken: other == (locale, scheme, width),
        };
        [
            ("Language", Locale::all().map(|other| way((other, scheme, width), other.name().to_owned())).collect()),
            ("Colours", SCHEMES.map(|other| way((locale, other, width), other.name().to_owned())).into()),
            ("Width", WIDTHS.map(|other| way((locale, scheme, other), other.to_string())).into()),
        ]
    }
}

/// `GET /gallery`
async fn index(request: HttpRequest, choice: web::Query<Choice>) -> HttpResponse {
    let page = Index {
        locale: language(&request, &choice),
        scheme: choice.scheme,
        width: choice.width.filter(|width| WIDTHS.contains(width)).unwrap_or(WIDTHS[1]),
        states: STATES,
    };
    match page.render() {
        Ok(html) => answer(POLICY, "en", html),
        Err(error) => {
            tracing::error!(%error, "page not rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// `GET /gallery/{state}`: the document of one state.
async fn document(
    request: HttpRequest,
    name: web::Path<String>,
    choice: web::Query<Choice>,
    pages: web::Data<Pages>,
) -> HttpResponse {
    let locale = language(&request, &choice);
    match STATES.iter().find(|state| state.name == *name) {
        Some(state) => {
            let document = state.document(&pages, locale);
            answer(&document.csp, locale.code(), document.html)
        }
        None => HttpResponse::NotFound().body("no such state"),
    }
}

fn language(request: &HttpRequest, choice: &Choice) -> Locale {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Locale::negotiate(choice.locale.as_deref(), accepted, crate::languages::DEFAULT)
}

fn answer(policy: &str, language: &str, html: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((CONTENT_LANGUAGE, language))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(html)
}

/// `GET /gallery/gallery.css`
async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("gallery.css"))
}

/// `GET /gallery/gallery.js`
async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("gallery.js"))
}
