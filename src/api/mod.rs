//! The merchants' JSON API.
