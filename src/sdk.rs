//! `GET /sdk/v1/…`: the script that shops embed the card form with.
//!
//! An address that names a version has the same bytes for ever, so that a shop
//! can pin their hash (Subresource Integrity).

use crate::error::{self, Problem};
use crate::page::compact;
use crate::window::Window;
use actix_web::HttpResponse;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY};
use actix_web::web::{Bytes, Data, Path};
use aws_lc_rs::digest::{SHA384, digest};
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The version that this program serves: its own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const SOURCE: &str = include_str!("../static/sdk/source.js");
const TYPES: &str = include_str!("../static/sdk/vezne.d.ts");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file as it is served.
struct File {
    name: &'static str,
    kind: &'static str,
    content: Bytes,
    /// `sha384-…`, as an `integrity` attribute has it (SRI section 3.1).
    integrity: String,
}

/// One source, two ways to load it.
static FILES: LazyLock<[File; 3]> = LazyLock::new(|| {
    let source = compact(SOURCE).replace("%VERSION%", VERSION);
    let classic = format!("(() => {{\n'use strict';\n{source}window.Vezne = Vezne;\n}})();\n");
    let module = format!("{source}export {{ mount }};\nexport default Vezne;\n");
    [
        File::new("vezne.js", JAVASCRIPT, classic),
        File::new("vezne.mjs", JAVASCRIPT, module),
        File::new("vezne.d.ts", "text/plain; charset=utf-8", TYPES.replace("%VERSION%", VERSION)),
    ]
});

impl File {
    fn new(name: &'static str, kind: &'static str, content: String) -> Self {
        let integrity = format!("sha384-{}", BASE64.encode(digest(&SHA384, content.as_bytes()).as_ref()));
        Self { name, kind, content: content.into(), integrity }
    }
}

/// A file of this program's version.
///
/// # Errors
/// A problem when there is no such version or file here.
pub async fn file(path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (version, name) = path.into_inner();
    let found = FILES.iter().find(|file| version == VERSION && file.name == name);
    let file = found.ok_or_else(|| Problem::new(&error::NOT_FOUND))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.kind))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        // The browser checks a hash only of what it may read, from wherever it is asked for.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .body(file.content.clone()))
}

/// Which versions there are, where their files are, and their hashes.
pub async fn manifest(window: Data<Window>) -> HttpResponse {
    let entry = |file: &File| {
        let url = format!("{}sdk/v1/{VERSION}/{}", window.public_url, file.name);
        (file.name.to_owned(), json!({ "url": url, "integrity": file.integrity }))
    };
    let files: Map<String, Value> = FILES.iter().map(entry).collect();
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(json!({ "latest": VERSION, "versions": { VERSION: files } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        let file = FILES.iter().find(|file| file.name == name).unwrap();
        std::str::from_utf8(&file.content).unwrap()
    }

    #[test]
    fn the_two_scripts_are_one_source() {
        let (classic, module) = (text("vezne.js"), text("vezne.mjs"));
        let body = module.split_once("export {").unwrap().0;
        assert!(classic.contains(body) && classic.contains("window.Vezne = Vezne;"));
        assert!(body.contains(&format!("version: '{VERSION}'")) && !classic.contains("export "));
    }

    /// Sinks of markup and code, which a shop's policy may forbid.
    #[test]
    fn the_script_writes_no_markup_and_listens_to_no_window() {
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "srcdoc", "eval(", "'*'"] {
            assert!(!SOURCE.contains(forbidden), "{forbidden}");
        }
        assert!(!SOURCE.contains("'message'"), "messages come over the port alone");
    }

    #[test]
    fn the_types_name_what_there_is() {
        for name in ["mount", "unmount", "focus", "onReady", "onResult", "onError", "onHeight", "session-url"] {
            assert!(SOURCE.contains(name) && TYPES.contains(name), "{name}");
        }
        assert!(!text("vezne.d.ts").contains('%'));
    }
}
