//! A multipart body as a browser sends it, and as it should not be sent
//! (RFC 7578), part by part.

/// The parts so far.
#[derive(Clone)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    pub const BOUNDARY: &'static str = "----vezneBoundary7MA4YWxk";
    pub const CONTENT_TYPE: &'static str = "multipart/form-data; boundary=----vezneBoundary7MA4YWxk";

    pub fn new() -> Self {
        Self { body: Vec::new() }
    }

    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes())
    }

    /// A part with headers of one's own.
    pub fn part(mut self, headers: &str, value: &[u8]) -> Self {
        self.body.extend_from_slice(format!("--{}\r\n{headers}\r\n\r\n", Self::BOUNDARY).as_bytes());
        self.body.extend_from_slice(value);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The body with its closing delimiter.
    pub fn finish(self) -> Vec<u8> {
        let mut body = self.body;
        body.extend_from_slice(format!("--{}--\r\n", Self::BOUNDARY).as_bytes());
        body
    }
}
