//! The listener: TLS, HTTP/1.1, drain.
