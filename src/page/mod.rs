//! The hosted page: documents, languages, security headers.
