//! A request in origin form, as HTTP/1.1 wants it on a connection to its host.

use super::ConnectError;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request};
use url::{Position, Url};

/// A POST, as [`request`] makes it.
///
/// # Errors
/// As [`request`].
pub fn post_request(url: &Url, headers: HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, ConnectError> {
    request(Method::POST, url, headers, body)
}

/// A request with `Host` and the URL's path and query; user name, password and
/// fragment of the URL stay behind. hyper adds `Content-Length`.
///
/// # Errors
/// [`ConnectError::Url`] when the URL has no host or does not fit into a request line.
pub fn request(
    method: Method,
    url: &Url,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ConnectError> {
    let host = match &url[Position::BeforeHost..Position::AfterPort] {
        "" => return Err(ConnectError::Url),
        host => HeaderValue::from_str(host).map_err(|_| ConnectError::Url)?,
    };
    headers.insert(HOST, host);
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut request =
        Request::builder().method(method).uri(target).body(Full::new(body)).map_err(|_| ConnectError::Url)?;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_path_and_query_are_sent() {
        let url = "https://user:word@shop.example:8443/hook/a%20b?x=1#part".parse().unwrap();
        let request = post_request(&url, HeaderMap::new(), Bytes::new()).unwrap();
        assert_eq!(request.uri(), "/hook/a%20b?x=1");
        assert_eq!(request.headers()[HOST], "shop.example:8443");
    }

    #[test]
    fn the_default_port_and_an_empty_path_are_written_as_usual() {
        let url = "https://[2001:db8::1]:443".parse().unwrap();
        let request = post_request(&url, HeaderMap::new(), Bytes::new()).unwrap();
        assert_eq!((request.uri().path(), &request.headers()[HOST]), ("/", &HeaderValue::from_static("[2001:db8::1]")));
    }
}
