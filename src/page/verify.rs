//! Compares a running page with what this program would send (PCI DSS 11.6.1):
//! every script and style byte for byte, every element and attribute by name,
//! every security header.

use super::csp::{self, Policy, is_origin};
use super::inventory::Kind;
use super::scan::{Element, elements};
use super::{Asset, Frame, Pages};
use crate::hardening::headers;
use std::collections::{BTreeMap, BTreeSet};

/// An answer as it came over the wire.
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// Every header, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether its address is one of the page's (`/c/…`) and not of the service beside it.
    pub is_page: bool,
    /// Whether the address is one where browsers are told to insist on https.
    pub with_hsts: bool,
}

/// Headers that say nothing about what the page may do.
const NEUTRAL: [&str; 7] = [
    "connection",
    "content-language",
    "content-length",
    "date",
    "retry-after",
    "transfer-encoding",
    "vezne-request-id",
];

/// What is not as this program would send it, each in a sentence; nothing when
/// all is. Values of attributes that differ by session are checked for their form.
#[must_use]
pub fn verify(pages: &Pages, fetched: &Fetched) -> Vec<String> {
    let mut compared = Compared { pages, fetched, differences: Vec::new() };
    if fetched.is_page {
        compared.page();
    } else {
        compared.headers(headers::NO_DOCUMENT, &[]);
    }
    compared.differences
}

struct Compared<'a> {
    pages: &'a Pages,
    fetched: &'a Fetched,
    differences: Vec<String>,
}

impl<'a> Compared<'a> {
    fn note(&mut self, difference: impl Into<String>) {
        self.differences.push(difference.into());
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.fetched.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn page(&mut self) {
        if ![200, 404, 410].contains(&self.fetched.status) {
            self.note(format!(
                "status: {}, which is no document; give the address of an open session",
                self.fetched.status
            ));
            return;
        }
        let Ok(html) = std::str::from_utf8(&self.fetched.body) else {
            return self.note("document: not UTF-8");
        };
        let found = match elements(html) {
            Ok(found) => found,
            Err(why) => return self.note(format!("document: {why}")),
        };
        let theme = self.styles(&found);
        let scripts = self.scripts(&found);
        self.elements(&found);
        let ancestor = self.header("content-security-policy").and_then(ancestor_of).map(str::to_owned);
        let policy = self.policy(&scripts, theme.as_ref(), ancestor.as_deref(), posts_to(&found));
        let leaves = found.iter().any(|element| element.attribute("data-leave").is_some());
        let more: &[(&str, Option<&str>)] = &[
            ("content-type", Some("text/html; charset=utf-8")),
            ("reporting-endpoints", Some(csp::ENDPOINTS)),
            ("refresh", None),
        ];
        self.headers(&policy, if leaves { more } else { &more[..2] });
    }

    /// The fixed sheet, and after it a merchant's; gives the latter back.
    fn styles(&mut self, found: &[Element<'_>]) -> Option<Asset> {
        let mut sheets = found.iter().filter(|element| element.name == "style").map(|element| element.text);
        match sheets.next() {
            Some(text) if text == self.pages.style.text => {}
            Some(text) => self.note(unlike("style", text, &self.pages.style)),
            None => self.note("style page.css: missing"),
        }
        let theme = sheets.next();
        if theme.is_some_and(|text| !self.pages.palettes.is_theme(text)) {
            self.note("style theme: not of a theme's form");
        }
        if sheets.next().is_some() {
            self.note("style: there are more than two");
        }
        theme.map(|text| Asset::new(text.to_owned()))
    }

    /// Compares the scripts with those that such a page has; gives the latter back.
    fn scripts(&mut self, found: &[Element<'_>]) -> Vec<&'a Asset> {
        let pages = self.pages;
        let has = |id: &str| found.iter().any(|element| element.attribute("id") == Some(id));
        let leaves = found.iter().any(|element| element.attribute("data-leave").is_some());
        // In the order of the document, which is that of the policy.
        let wanted = [
            (has("frame"), &pages.frame_script),
            (has("card"), &pages.form_script),
            (has("post"), &pages.post_script),
            (leaves, &pages.leave_script),
        ];
        let expected: Vec<&Asset> = wanted.into_iter().filter_map(|(is, script)| is.then_some(script)).collect();
        let inventory = pages.inventory();
        let mut missing = expected.clone();
        let mut strange = Vec::new();
        for script in found.iter().filter(|element| element.name == "script") {
            let is_data = script.attribute("type") == Some("application/json");
            let place = missing.iter().position(|asset| !is_data && asset.text == script.text);
            match place {
                Some(at) => drop(missing.remove(at)),
                None if is_data && script.attribute("id") == Some("frame") && Frame::is_data(script.text) => {}
                None if is_data && inventory.find(Kind::Data, script.text).is_some() => {}
                None => strange.push((is_data, script.text)),
            }
        }
        for (is_data, text) in strange {
            match if is_data { None } else { missing.pop() } {
                Some(asset) => self.note(unlike("script", text, asset)),
                None if is_data => self.note(format!("data: not in the inventory, {}", described(text))),
                None => self.note(format!("script: one that is not in the inventory, {}", described(text))),
            }
        }
        for asset in missing {
            self.note(format!("script {}: missing", asset.name));
        }
        expected
    }

    /// Elements and attributes by name, and addresses by their form.
    fn elements(&mut self, found: &[Element<'_>]) {
        let samples = self.pages.samples();
        let known: Vec<Element<'_>> = samples.iter().filter_map(|page| elements(&page.html).ok()).flatten().collect();
        let names: BTreeSet<_> = known.iter().map(|element| element.name).collect();
        let attributes: BTreeSet<_> =
            known.iter().flat_map(|element| element.attributes.iter().map(|(name, _)| (element.name, *name))).collect();
        let icons: BTreeSet<_> = known
            .iter()
            .filter(|element| element.name == "link")
            .map(|element| element.attributes.as_slice())
            .collect();
        let is_form = found.iter().any(|element| element.attribute("id") == Some("card"));
        for element in found {
            let name = element.name;
            if !names.contains(name) {
                self.note(format!("element <{name}>: no page of ours has one{}", leads(element)));
                continue;
            }
            if name == "link" && !icons.contains(element.attributes.as_slice()) {
                self.note(format!("element <link>: not the page's icon{}", leads(element)));
            }
            for &(attribute, value) in &element.attributes {
                if !attributes.contains(&(name, attribute)) {
                    let kind = if attribute.starts_with("on") { "an event handler" } else { "unknown" };
                    self.note(format!("attribute {attribute} of <{name}>: {kind}{}", origin_of(value)));
                } else if name != "link" && !fits(element, attribute, value, is_form) {
                    self.note(format!("attribute {attribute} of <{name}>: leads elsewhere{}", origin_of(value)));
                }
            }
        }
    }

    /// The policy that this program would send with these scripts and this theme.
    fn policy(
        &self,
        scripts: &[&Asset],
        theme: Option<&Asset>,
        ancestor: Option<&str>,
        posts_to: Option<String>,
    ) -> String {
        let hashes = Policy::of_hashes(&self.pages.style.hash, theme.map(|theme| theme.hash.as_str()));
        let posts = scripts.iter().any(|script| script.hash == self.pages.form_script.hash);
        let policy = scripts.iter().fold(hashes, |policy, script| policy.script(script));
        let policy = match posts_to {
            _ if posts => policy.posts_here(),
            Some(origin) => policy.posts_to(origin),
            None => policy,
        };
        policy.frame_ancestor(ancestor).to_string()
    }

    /// Every security header as this program sends it, and no header that it never sends.
    fn headers(&mut self, policy: &str, more: &[(&str, Option<&str>)]) {
        let fixed: Vec<_> = headers::expected(self.fetched.with_hsts).collect();
        let fixed = fixed.iter().map(|(name, value)| (name.as_str(), Some(*value)));
        let expected: BTreeMap<&str, Option<&str>> = fixed.chain(more.iter().copied()).collect();
        for (name, value) in &expected {
            match (self.header(name), value) {
                (None, Some(_)) => self.note(format!("header {name}: missing")),
                (Some(found), Some(value)) if found != *value => {
                    let difference = format!("header {name}: is \"{found}\", should be \"{value}\"");
                    self.note(difference);
                }
                _ => {}
            }
        }
        match self.header("content-security-policy").map(str::to_owned) {
            None => self.note("header content-security-policy: missing"),
            Some(found) if found != policy => self.policies(&found, policy),
            Some(_) => {}
        }
        let mut seen = BTreeSet::new();
        for (name, _) in &self.fetched.headers {
            let is_known = name == "content-security-policy" || expected.contains_key(name.as_str());
            if is_known && !seen.insert(name.as_str()) {
                self.note(format!("header {name}: there twice"));
            } else if !is_known && !NEUTRAL.contains(&name.as_str()) && (self.fetched.is_page || name != "content-type")
            {
                self.note(format!("header {name}: this program never sends it here"));
            }
        }
    }

    /// Directive by directive, so that it is said what was weakened.
    fn policies(&mut self, found: &str, expected: &str) {
        let (found, expected) = (directives(found), directives(expected));
        let before = self.differences.len();
        for (name, sources) in &expected {
            let Some(there) = found.get(name) else {
                self.note(format!("policy: {name} is missing"));
                continue;
            };
            for source in there.difference(sources) {
                self.note(format!("policy: {name} has {source}, which is not ours"));
            }
            for source in sources.difference(there) {
                self.note(format!("policy: {name} lacks {source}"));
            }
        }
        for name in found.keys().filter(|name| !expected.contains_key(*name)) {
            self.note(format!("policy: has a directive {name}, which is not ours"));
        }
        if self.differences.len() == before {
            self.note("policy: written in another way than this program writes it");
        }
    }
}

/// The directives of a policy with their sources.
fn directives(policy: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut directives: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for directive in policy.split(';') {
        let mut words = directive.split_ascii_whitespace();
        if let Some(name) = words.next() {
            // Of two of a name browsers take the first.
            directives.entry(name).or_insert_with(|| words.collect());
        }
    }
    directives
}

/// The one origin that may frame the page: the session's, so not known here.
fn ancestor_of(policy: &str) -> Option<&str> {
    let directives = directives(policy);
    let sources = directives.get("frame-ancestors").filter(|sources| sources.len() == 1)?;
    sources.iter().find(|source| is_origin(source)).copied()
}

/// Where the form of a hand-off goes.
fn posts_to(found: &[Element<'_>]) -> Option<String> {
    let form = found.iter().find(|element| element.attribute("id") == Some("post"))?;
    let action = url::Url::parse(form.attribute("action")?).ok()?;
    Some(action.origin().ascii_serialization())
}

/// Whether an attribute that browsers follow leads where ours lead.
fn fits(element: &Element<'_>, attribute: &str, value: &str, is_form: bool) -> bool {
    let is_own = value.starts_with("/c/") && !value.contains("//");
    let is_web = value.starts_with("https://") || value.starts_with("http://");
    // The operator's privacy notice: a page of its own, told nothing of this one.
    let is_apart =
        element.attribute("target") == Some("_blank") && element.attribute("rel") == Some("noopener noreferrer");
    match (element.name, attribute) {
        ("img", "src") => value.starts_with("data:image/png;base64,"),
        ("use", "href") => value.starts_with('#'),
        // The form leads nowhere but to itself; a hand-off leads to the merchant.
        ("a", "href") => value.starts_with('#') || is_own || (is_web && (!is_form || is_apart)),
        (_, "data-leave") => is_own || (is_web && !is_form),
        (_, "action") => is_own || (is_web && element.attribute("id") == Some("post")),
        ("meta", "http-equiv") => value == "refresh",
        ("meta", "content") if value.contains("url=") => {
            value.strip_prefix("2; url=").is_some_and(|url| url.starts_with("/c/"))
        }
        _ => true,
    }
}

/// An element's first address, for a message.
fn leads(element: &Element<'_>) -> String {
    let followed = ["src", "href", "data", "action", "srcdoc"];
    let address = element.attributes.iter().find(|(name, _)| followed.contains(name));
    address.map_or_else(String::new, |(_, value)| origin_of(value))
}

/// Whose address it is; not all of it, which can hold a session's secret.
fn origin_of(address: &str) -> String {
    let full = if address.starts_with("//") { format!("https:{address}") } else { address.to_owned() };
    url::Url::parse(&full).map(|url| format!(" ({})", url.origin().ascii_serialization())).unwrap_or_default()
}

fn unlike(kind: &str, text: &str, expected: &Asset) -> String {
    format!(
        "{kind} {}: differs, {}; should have {} bytes and {}",
        expected.name,
        described(text),
        expected.text.len(),
        expected.hash
    )
}

fn described(text: &str) -> String {
    format!("{} bytes, {}", text.len(), Asset::new(text.to_owned()).hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Document;

    fn fetched(document: &Document) -> Fetched {
        let fixed = headers::expected(true).map(|(name, value)| (name.to_string(), value.to_owned()));
        let own = [
            ("content-type", "text/html; charset=utf-8"),
            ("reporting-endpoints", csp::ENDPOINTS),
            ("content-security-policy", document.csp.as_str()),
            ("date", "Sun, 22 Nov 2026 02:00:00 GMT"),
        ];
        let headers = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(fixed).collect();
        Fetched { status: 200, headers, body: document.html.clone().into_bytes(), is_page: true, with_hsts: true }
    }

    #[test]
    fn every_document_of_ours_passes() {
        let pages = Pages::new();
        let samples = pages.samples();
        assert!(samples.len() > 8);
        for document in samples {
            assert_eq!(verify(&pages, &fetched(&document)), Vec::<String>::new());
        }
    }

    #[test]
    fn every_security_header_is_missed_and_compared() {
        let pages = Pages::new();
        let whole = fetched(&pages.samples()[0]);
        let secured: Vec<_> =
            whole.headers.iter().map(|(name, _)| name.clone()).filter(|name| name != "date").collect();
        assert!(secured.len() > 12, "{secured:?}");
        for name in secured {
            let mut without = fetched(&pages.samples()[0]);
            without.headers.retain(|(known, _)| *known != name);
            assert_eq!(verify(&pages, &without), [format!("header {name}: missing")]);
            let mut changed = fetched(&pages.samples()[0]);
            changed.headers.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, value)| value.push('x'));
            assert!(!verify(&pages, &changed).is_empty(), "{name}");
            let mut twice = fetched(&pages.samples()[0]);
            twice.headers.push((name.clone(), "x".to_owned()));
            assert_eq!(verify(&pages, &twice), [format!("header {name}: there twice")]);
        }
    }

    #[test]
    fn every_changed_byte_of_a_script_or_style_is_noticed() {
        let pages = Pages::new();
        let document = &pages.samples()[0];
        let html = document.html.as_bytes();
        let inside = |open: &str| document.html.find(open).unwrap() + open.len();
        for start in [inside("<style>"), inside("<script>")] {
            for at in (start..start + 400).step_by(7) {
                let mut changed = fetched(document);
                changed.body = html.to_vec();
                changed.body[at] ^= 1;
                assert!(!verify(&pages, &changed).is_empty(), "{at}");
            }
        }
    }

    #[test]
    fn the_service_beside_the_page_has_the_strictest_policy() {
        let pages = Pages::new();
        let mut front = fetched(&pages.samples()[0]);
        front.is_page = false;
        front.headers.retain(|(name, _)| name != "reporting-endpoints");
        let weaker = verify(&pages, &front);
        assert!(weaker.iter().any(|it| it.starts_with("policy: has a directive script-src")), "{weaker:?}");
        for (name, value) in &mut front.headers {
            if name == "content-security-policy" {
                headers::NO_DOCUMENT.clone_into(value);
            }
        }
        assert_eq!(verify(&pages, &front), Vec::<String>::new());
    }
}
