//! Headers of every answer (OWASP Secure Headers; PCI DSS 6.4.3 for the page).

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

/// What answers carry that bring no other value of their own, as the SDK's
/// files do. Documents of the page bring a `Content-Security-Policy`; everything
/// else gets the strictest.
/// `same-origin` and not `no-referrer`: with that, browsers post `Origin: null`.
const USUAL: [(HeaderName, &str); 9] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("origin-agent-cluster"), "?1"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
    (HeaderName::from_static("x-dns-prefetch-control"), "off"),
];

/// The page needs none of the browser's powers.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), bluetooth=(), browsing-topics=(), camera=(), \
    clipboard-read=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), \
    gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), \
    microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), \
    serial=(), storage-access=(), sync-xhr=(), usb=(), window-management=(), xr-spatial-tracking=()";

const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Two years (RFC 6797). Not sent from a loopback address, where it would bind
/// every other development server of that host.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// What a document of the page must carry besides its own policy, for whoever
/// compares a running page with this program.
pub fn expected(with_hsts: bool) -> impl Iterator<Item = (HeaderName, &'static str)> {
    USUAL.into_iter().chain(with_hsts.then_some((STRICT_TRANSPORT_SECURITY, HSTS)))
}

/// The policy of answers that are no documents of the page.
pub const NO_DOCUMENT: &str = NOTHING;

/// Adds the headers that an answer does not have yet.
pub fn secure(headers: &mut HeaderMap, with_hsts: bool) {
    for (name, value) in USUAL.into_iter().chain([(CONTENT_SECURITY_POLICY, NOTHING)]) {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if with_hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
}
