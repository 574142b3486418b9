//! The page's languages: one for each file of `static/locales/`, found when the
//! program is built.

/// Language tag (BCP 47) and the file's text, in the order of the tags.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// The language that stands in when nothing else fits.
pub const DEFAULT: &str = "tr";

/// The tags.
pub fn tags() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(tag, _)| *tag)
}

/// The tags for a sentence: `ar, en or tr`.
#[must_use]
pub fn listed() -> String {
    let tags: Vec<_> = tags().collect();
    match tags.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => tags.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_language_and_the_default_is_one() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static/locales");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> = files.collect();
        files.sort();
        assert_eq!(tags().map(|tag| format!("{tag}.json")).collect::<Vec<_>>(), files);
        assert!(tags().any(|tag| tag == DEFAULT));
        assert!(listed().ends_with(" or tr"), "{}", listed());
    }
}
