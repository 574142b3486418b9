//! Whether a POST came from our own page, by what browsers say of it. Where
//! they say nothing, the form token alone decides.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

/// Refuses a present `Sec-Fetch-Site` that is not `same-origin` (Fetch Metadata)
/// and a present `Origin` that is not ours (RFC 6454).
#[must_use]
pub(super) fn is_ours(request: &HttpRequest, our_origin: &str) -> bool {
    let says = |name: &str, expected: &str| {
        let mut values = request.headers().get_all(name);
        values.all(|value| value.to_str().is_ok_and(|value| value == expected))
    };
    says("sec-fetch-site", "same-origin") && says(ORIGIN.as_str(), our_origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn what_browsers_say_must_name_us() {
        let cases: [(&[(&str, &str)], bool); 8] = [
            (&[], true),
            (&[("origin", "https://pay.example"), ("sec-fetch-site", "same-origin")], true),
            (&[("origin", "https://pay.example")], true),
            (&[("origin", "null")], false),
            (&[("origin", "https://pay.example.evil.example")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none"), ("origin", "https://pay.example")], false),
        ];
        for (headers, expected) in cases {
            let request = headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
            assert_eq!(is_ours(&request.to_http_request(), "https://pay.example"), expected, "{headers:?}");
        }
    }
}
