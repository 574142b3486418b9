//! The addresses that a merchant may name: exact origins with optional path
//! prefixes. A redirect or a callback that leaves the list is an open redirect
//! (CWE-601) or a forged request (CWE-918).

use super::Mode;
use thiserror::Error;
use url::{Host, Url};

const MAX_ENTRIES: usize = 20;
const MAX_URL_BYTES: usize = 2048;

/// Why an entry cannot be on an allow-list.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum AllowListError {
    /// No entries or more than twenty.
    #[error("an allow-list has 1 to {MAX_ENTRIES} entries")]
    Count,
    /// Not a URL that can be a prefix.
    #[error(
        "`{0}` must be an https URL without user, query or fragment, such as https://shop.example/pay/ (http only for localhost, 127.0.0.1 and [::1])"
    )]
    Entry(String),
}

/// Why a URL in a request was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UrlRefusal {
    /// Not an absolute URL, or over 2048 bytes.
    #[error("must be an absolute URL of at most {MAX_URL_BYTES} bytes")]
    Shape,
    /// http, javascript, or another scheme.
    #[error("must be https (http only for a loopback address in test mode)")]
    Scheme,
    /// `user:password@` or `#fragment`.
    #[error("must not have a user, a password or a fragment")]
    Extras,
    /// Not under any entry.
    #[error("is not on the merchant's allow-list")]
    NotAllowed,
    /// More than an origin, or not as browsers write it.
    #[error(
        "must be an origin as browsers write it: scheme, host and port if it is not the usual one, such as https://shop.example"
    )]
    Origin,
    /// An origin of which the allow-list has a part only, or nothing.
    #[error("is not on the merchant's allow-list as a whole: an entry must be this origin, without a path")]
    OriginNotAllowed,
    /// A callback's port that the operator has not opened.
    #[error("is at port {0}, which the operator of this service has not opened for callbacks (egress.ports)")]
    Port(u16),
}

/// Prefixes that were checked when they were set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowList(Vec<Url>);

impl AllowList {
    /// Checks each entry.
    ///
    /// # Errors
    /// [`AllowListError`], naming the entry.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, AllowListError> {
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            return Err(AllowListError::Count);
        }
        let parse = |entry: &T| {
            let text = entry.as_ref();
            checked(text, Mode::Test)
                .ok()
                .filter(|url| url.query().is_none())
                .ok_or_else(|| AllowListError::Entry(text.chars().take(100).collect()))
        };
        entries.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// The entries as text.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Url::as_str)
    }

    /// The only way to an [`AllowedUrl`].
    ///
    /// # Errors
    /// [`UrlRefusal`].
    pub fn check(&self, text: &str, mode: Mode) -> Result<AllowedUrl, UrlRefusal> {
        let url = checked(text, mode)?;
        let allowed = self.0.iter().any(|entry| entry.origin() == url.origin() && under(entry.path(), url.path()));
        if allowed { Ok(AllowedUrl(url)) } else { Err(UrlRefusal::NotAllowed) }
    }

    /// The only way to an [`AllowedOrigin`]. An origin is on the list when its
    /// root is: an entry with a path says that the merchant has this path of the
    /// host, and other pages of it may be anybody's.
    ///
    /// # Errors
    /// [`UrlRefusal`].
    pub fn check_origin(&self, text: &str, mode: Mode) -> Result<AllowedOrigin, UrlRefusal> {
        let url = checked(text, mode)?;
        // A star in a host would be a wildcard of the page's policy.
        if url.origin().ascii_serialization() != text || text.contains('*') {
            return Err(UrlRefusal::Origin);
        }
        self.check(text, mode).map_err(|_| UrlRefusal::OriginNotAllowed)?;
        Ok(AllowedOrigin(text.to_owned()))
    }

    /// Whether an origin that passed once would pass now.
    #[must_use]
    pub fn still_allows_origin(&self, origin: &AllowedOrigin, mode: Mode) -> bool {
        self.check_origin(origin.as_str(), mode).is_ok()
    }

    /// The same for a URL that the service itself will call, at one of the ports
    /// that it may call. Where browsers go is not bound to them.
    ///
    /// # Errors
    /// [`UrlRefusal`].
    pub fn check_callback(
        &self,
        text: &str,
        mode: Mode,
        may_call: impl Fn(u16) -> bool,
    ) -> Result<AllowedUrl, UrlRefusal> {
        let allowed = self.check(text, mode)?;
        match allowed.0.port_or_known_default() {
            Some(port) if !may_call(port) => Err(UrlRefusal::Port(port)),
            _ => Ok(allowed),
        }
    }

    /// Whether a URL that passed once would pass now.
    #[must_use]
    pub fn still_allows(&self, url: &AllowedUrl, mode: Mode) -> bool {
        self.check(url.url().as_str(), mode).is_ok()
    }
}

/// A URL that was under an entry of its merchant's allow-list when it was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowedUrl(Url);

impl AllowedUrl {
    /// A URL that was checked when its session was created, back from the store.
    pub(crate) fn from_store(text: &str) -> Option<Self> {
        Url::parse(text).ok().map(Self)
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// An origin (RFC 6454) all of which was on its merchant's allow-list when it was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowedOrigin(String);

impl AllowedOrigin {
    /// An origin that was checked when its session was created, back from the store.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }

    /// `scheme://host` or `scheme://host:port`, as browsers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(text: &str, mode: Mode) -> Result<Url, UrlRefusal> {
    // A backslash is a slash to browsers but not to every server: refuse the ambiguity.
    if text.len() > MAX_URL_BYTES || text.contains('\\') || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(UrlRefusal::Shape);
    }
    let url = Url::parse(text).map_err(|_| UrlRefusal::Shape)?;
    match url.scheme() {
        "https" => {}
        "http" if mode == Mode::Test && is_loopback(&url) => {}
        _ => return Err(UrlRefusal::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(UrlRefusal::Extras);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether `path` is `prefix` or below it, segment by segment. What servers
/// disagree about never matches: encoded slashes, dots and percent signs, and
/// segments such as `..;`, which some servers read as `..`.
fn under(prefix: &str, path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let ambiguous = ["%2f", "%5c", "%2e", "%25", "/.."];
    if ambiguous.iter().any(|part| lower.contains(part)) {
        return false;
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_under_an_entry_passes() {
        let list =
            AllowList::parse(&["https://shop.example/pay", "https://other.example", "http://localhost:8080/"]).unwrap();
        for url in [
            "https://shop.example/pay",
            "https://shop.example/pay/",
            "https://shop.example/pay/done?order=1",
            "https://SHOP.example:443/pay/done",
            "https://other.example/anything",
            "http://localhost:8080/return",
        ] {
            assert!(list.check(url, Mode::Test).is_ok(), "{url}");
        }
        for (url, why) in [
            ("https://shop.example/payments", UrlRefusal::NotAllowed),
            ("https://shop.example/pay/../admin", UrlRefusal::NotAllowed),
            ("https://shop.example/pay/%2e%2e/admin", UrlRefusal::NotAllowed),
            ("https://shop.example/pay/..%2fadmin", UrlRefusal::NotAllowed),
            ("https://shop.example/pay/..;/admin", UrlRefusal::NotAllowed),
            ("https://shop.example/pay/%252e%252e/admin", UrlRefusal::NotAllowed),
            ("https://shop.example:444/pay", UrlRefusal::NotAllowed),
            ("https://shop.example.evil.example/pay", UrlRefusal::NotAllowed),
            ("https://shop.example@evil.example/pay", UrlRefusal::Extras),
            ("https://user:pass@shop.example/pay", UrlRefusal::Extras),
            ("https://shop.example/pay#x", UrlRefusal::Extras),
            ("https:\\\\shop.example\\pay", UrlRefusal::Shape),
            ("http://shop.example/pay", UrlRefusal::Scheme),
            ("javascript:alert(1)", UrlRefusal::Scheme),
            ("/pay", UrlRefusal::Shape),
            ("https://shop.example/pay\r\nX: y", UrlRefusal::Shape),
            ("http://localhost:8081/return", UrlRefusal::NotAllowed),
        ] {
            assert_eq!(list.check(url, Mode::Test).err(), Some(why), "{url}");
        }
    }

    #[test]
    fn an_origin_is_allowed_as_a_whole_and_as_browsers_write_it() {
        let list = AllowList::parse(&["https://shop.example/", "https://host.example/shop", "http://localhost:8080"]);
        let list = list.unwrap();
        for origin in ["https://shop.example", "http://localhost:8080"] {
            assert_eq!(list.check_origin(origin, Mode::Test).unwrap().as_str(), origin);
        }
        for (text, why) in [
            ("https://shop.example/", UrlRefusal::Origin),
            ("https://shop.example/pay", UrlRefusal::Origin),
            ("https://shop.example?", UrlRefusal::Origin),
            ("https://SHOP.example", UrlRefusal::Origin),
            ("https://shop.example:443", UrlRefusal::Origin),
            ("https://*.example", UrlRefusal::Origin),
            ("https://kırmızı.example", UrlRefusal::Origin),
            ("https://host.example", UrlRefusal::OriginNotAllowed),
            ("https://shop.example:8443", UrlRefusal::OriginNotAllowed),
            ("https://evil.example", UrlRefusal::OriginNotAllowed),
            ("http://shop.example", UrlRefusal::Scheme),
            ("https://user@shop.example", UrlRefusal::Extras),
            ("shop.example", UrlRefusal::Shape),
            ("*", UrlRefusal::Shape),
            ("null", UrlRefusal::Shape),
            ("", UrlRefusal::Shape),
        ] {
            assert_eq!(list.check_origin(text, Mode::Test).err(), Some(why), "{text}");
        }
        assert_eq!(list.check_origin("http://localhost:8080", Mode::Live).err(), Some(UrlRefusal::Scheme));
        let starred = AllowList::parse(&["https://*.example"]).unwrap();
        assert!(starred.check_origin("https://*.example", Mode::Test).is_err());
    }

    #[test]
    fn a_callback_stays_at_the_ports_that_may_be_called() {
        let list =
            AllowList::parse(&["https://shop.example/", "https://shop.example:8443/", "http://localhost/"]).unwrap();
        let check = |url: &str| list.check_callback(url, Mode::Test, |port| port == 443).err();
        assert_eq!(check("https://shop.example/hook"), None);
        assert_eq!(check("https://shop.example:443/hook"), None);
        assert_eq!(check("https://shop.example:8443/hook"), Some(UrlRefusal::Port(8443)));
        assert_eq!(check("http://localhost/hook"), Some(UrlRefusal::Port(80)));
        assert_eq!(check("https://other.example:8443/hook"), Some(UrlRefusal::NotAllowed));
        assert!(UrlRefusal::Port(8443).to_string().contains("egress.ports"));
    }

    #[test]
    fn live_mode_has_no_plain_http() {
        let list = AllowList::parse(&["http://127.0.0.1:8080"]).unwrap();
        assert!(list.check("http://127.0.0.1:8080/return", Mode::Test).is_ok());
        assert_eq!(list.check("http://127.0.0.1:8080/return", Mode::Live).err(), Some(UrlRefusal::Scheme));
    }

    #[test]
    fn entries_are_checked_when_they_are_set() {
        assert_eq!(AllowList::parse::<&str>(&[]).err(), Some(AllowListError::Count));
        assert_eq!(AllowList::parse(&["https://a.example"; 21]).err(), Some(AllowListError::Count));
        for entry in ["shop.example", "http://shop.example", "https://shop.example/?a=b", "https://u@shop.example"] {
            assert_eq!(AllowList::parse(&[entry]).err(), Some(AllowListError::Entry(entry.to_owned())));
        }
    }
}
