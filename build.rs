//! Finds the page's languages: each file of `static/locales/` is one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=static/locales");
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name.to_owned()));
    let tags = tags(&variable("CARGO_MANIFEST_DIR")?.join("static/locales"))?;
    let row = |tag: &String| {
        format!("(\"{tag}\", include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/static/locales/{tag}.json\"))),\n")
    };
    let rows: String = tags.iter().map(row).collect();
    fs::write(variable("OUT_DIR")?.join("languages.rs"), format!("&[\n{rows}]\n"))
}

/// The language tags that the files are named after, in their order.
fn tags(folder: &Path) -> io::Result<Vec<String>> {
    let mut tags = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("json")) {
            tags.extend(path.file_stem().map(|tag| tag.to_string_lossy().into_owned()));
        }
    }
    tags.sort();
    Ok(tags)
}
