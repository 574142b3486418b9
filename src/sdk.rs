//! `GET /sdk/v1/…`: the script that shops embed the card form with.
//!
//! A shop pins a version's hash in its page (Subresource Integrity), so a version
//! that was published is served as it was, by every later program: each is a
//! folder of `static/sdk/`. The newest is made of `static/sdk/source.js`.

use crate::error::{self, Problem};
use crate::window::Window;
use actix_web::HttpResponse;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY};
use actix_web::web::{Data, Path};
use aws_lc_rs::digest::{SHA384, digest};
use data_encoding::BASE64;
use serde_json::{Map, Value, json};

/// A version's number, and its files by name.
type Version = (&'static str, [(&'static str, &'static str); 3]);

/// Every version, oldest first.
const VERSIONS: &[Version] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// A file of a version.
///
/// # Errors
/// A problem when there is no such version or file here.
pub async fn file(path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (version, name) = path.into_inner();
    let content = content(&version, &name).ok_or_else(|| Problem::new(&error::NOT_FOUND))?;
    let is_script = name != "vezne.d.ts";
    let kind = if is_script { "text/javascript; charset=utf-8" } else { "text/plain; charset=utf-8" };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        // The browser checks a hash only of what it may read, from wherever it is asked for.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .body(content))
}

fn content(version: &str, name: &str) -> Option<&'static str> {
    let (_, files) = VERSIONS.iter().find(|(number, _)| *number == version)?;
    files.iter().find(|(file, _)| *file == name).map(|(_, content)| *content)
}

/// Which versions there are, where their files are, and their hashes.
pub async fn manifest(window: Data<Window>) -> HttpResponse {
    let files_of = |(version, files): &Version| {
        let entry = |(name, content): &(&str, &str)| {
            let url = format!("{}sdk/v1/{version}/{name}", window.public_url);
            ((*name).to_owned(), json!({ "url": url, "integrity": integrity(content) }))
        };
        ((*version).to_owned(), Value::Object(files.iter().map(entry).collect()))
    };
    let versions: Map<String, Value> = VERSIONS.iter().map(files_of).collect();
    let latest = VERSIONS.last().map(|(version, _)| version);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(json!({ "latest": latest, "versions": versions }))
}

/// `sha384-…`, as an `integrity` attribute has it (SRI section 3.1).
fn integrity(content: &str) -> String {
    format!("sha384-{}", BASE64.encode(digest(&SHA384, content.as_bytes()).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::compact;
    use std::path::Path;

    const SOURCE: &str = include_str!("../static/sdk/source.js");
    const TYPES: &str = include_str!("../static/sdk/source.d.ts");

    /// The files that the source makes as `version`: one script, two ways to load it.
    fn made(version: &str) -> [(&'static str, String); 3] {
        let source = compact(SOURCE).replace("%VERSION%", version);
        [
            ("vezne.js", format!("(() => {{\n'use strict';\n{source}window.Vezne = Vezne;\n}})();\n")),
            ("vezne.mjs", format!("{source}export {{ mount }};\nexport default Vezne;\n")),
            ("vezne.d.ts", TYPES.replace("%VERSION%", version)),
        ]
    }

    /// `VEZNE_PUBLISH_SDK=1.2.3 cargo test sdk` makes the version 1.2.3 of the
    /// source; what is published already is never written again.
    #[test]
    fn the_newest_version_is_the_source() {
        if let Ok(version) = std::env::var("VEZNE_PUBLISH_SDK") {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/sdk").join(&version);
            std::fs::create_dir(&folder).expect("a version that is not there yet");
            for (name, content) in made(&version) {
                std::fs::write(folder.join(name), content).unwrap();
            }
            return;
        }
        let (newest, files) = VERSIONS.last().unwrap();
        let is_made = made(newest).iter().zip(files).all(|(made, file)| (made.0, made.1.as_str()) == *file);
        assert!(is_made, "the source is not {newest} any more: publish it as a version of its own (docs/sdk.md)");
    }

    #[test]
    fn versions_are_in_the_order_of_their_numbers() {
        let numbers = |version: &str| version.split('.').map(|number| number.parse().unwrap()).collect::<Vec<u32>>();
        assert!(VERSIONS.iter().map(|(version, _)| numbers(version)).is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn the_two_scripts_are_one_source() {
        for (version, _) in VERSIONS {
            let (classic, module) = (content(version, "vezne.js").unwrap(), content(version, "vezne.mjs").unwrap());
            let body = module.split_once("export {").unwrap().0;
            assert!(classic.contains(body) && classic.contains("window.Vezne = Vezne;"));
            assert!(body.contains(&format!("version: '{version}'")) && !classic.contains("export "));
            assert!(!content(version, "vezne.d.ts").unwrap().contains('%'));
        }
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
    }
}
