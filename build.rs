//! Finds what the program carries by its files: the page's languages, each file
//! of `static/locales/`, and the SDK's versions, each folder of `static/sdk/`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name.to_owned()));
    println!("cargo::rerun-if-changed=static/locales\ncargo::rerun-if-changed=static/sdk");
    let (statics, out) = (variable("CARGO_MANIFEST_DIR")?.join("static"), variable("OUT_DIR")?);
    let language = |tag: &String| format!("(\"{tag}\", include_str!({})),\n", path_of("locales", tag, "json"));
    write(&out.join("languages.rs"), &tags(&statics.join("locales"))?, language)?;
    let version = |version: &String| {
        let files = ["js", "mjs", "d.ts"].map(|kind| {
            format!("(\"vezne.{kind}\", include_str!({}))", path_of("sdk", &format!("{version}/vezne"), kind))
        });
        format!("(\"{version}\", [{}]),\n", files.join(", "))
    };
    write(&out.join("sdk.rs"), &versions(&statics.join("sdk"))?, version)
}

/// The path of a file below `static`, as an expression.
fn path_of(folder: &str, name: &str, kind: &str) -> String {
    format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/static/{folder}/{name}.{kind}\")")
}

/// Writes a list of Rust with one element for each name.
fn write(file: &Path, names: &[String], element: impl Fn(&String) -> String) -> io::Result<()> {
    fs::write(file, format!("&[\n{}]\n", names.iter().map(element).collect::<String>()))
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

/// The versions that the folders are named after, oldest first.
fn versions(folder: &Path) -> io::Result<Vec<String>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let numbers: Option<Vec<u32>> = name.split('.').map(|number| number.parse().ok()).collect();
        versions.extend(numbers.filter(|numbers| numbers.len() == 3).map(|numbers| (numbers, name)));
    }
    versions.sort();
    Ok(versions.into_iter().map(|(_, name)| name).collect())
}
