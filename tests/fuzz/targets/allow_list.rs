//! Where a merchant's browsers and callbacks may go: `entry \n URL`.
//!
//! What is accepted is judged by its text, without the URL parser that decided,
//! and by a second parser.

use super::input::{lines, text};
use vezne::merchant::{AllowList, Mode};

/// Checks a URL against a list of one entry, in both modes.
pub fn check(data: &[u8]) {
    let ([entry, url], _) = lines(data);
    let (Some(entry), Some(url)) = (text(entry), text(url)) else { return };
    let Ok(list) = AllowList::parse(&[entry]) else { return };
    let entry = list.entries().next().unwrap();
    assert!(AllowList::parse(&[entry]).is_ok_and(|again| again == list), "{entry} does not read back");
    for mode in [Mode::Test, Mode::Live] {
        let Ok(allowed) = list.check(url, mode) else { continue };
        let accepted = allowed.url().as_str();
        assert!(leads_under(accepted, entry), "{url} went to {accepted}, which is not under {entry}");
        assert!(mode == Mode::Test || accepted.starts_with("https://"), "{accepted}");
        assert!(list.still_allows(&allowed, mode), "{accepted} is not accepted again");
        let second: http::Uri = accepted.parse().unwrap_or_else(|_| panic!("{accepted} is no URI"));
        let wanted: http::Uri = entry.parse().unwrap();
        assert_eq!((second.scheme(), second.authority()), (wanted.scheme(), wanted.authority()), "{accepted}");
    }
}

/// Whether a URL has an entry's scheme, host and port to the letter, and its
/// path begins with the entry's segments and climbs out of none, however often
/// it is decoded.
pub fn leads_under(url: &str, entry: &str) -> bool {
    let (Some((origin, path)), Some((wanted_origin, wanted_path))) = (split(url), split(entry)) else { return false };
    let segments: Vec<&str> = path.split('/').collect();
    let mut wanted: Vec<&str> = wanted_path.split('/').collect();
    wanted.pop_if(|last| last.is_empty());
    let climbs = |segment: &&str| {
        let mut decoded = segment.to_ascii_lowercase();
        for _ in 0..4 {
            decoded = decoded.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\").replace("%25", "%");
        }
        decoded.starts_with("..") || decoded == "." || decoded.contains(['/', '\\'])
    };
    origin == wanted_origin && segments.starts_with(&wanted) && !segments.iter().any(climbs)
}

/// Origin and path of an absolute URL without user and fragment.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !["https", "http"].contains(&scheme) || url.contains(['\\', '#', ' ', '\t', '\r', '\n']) {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let path = rest.split('?').next().unwrap_or_default();
    let is_plain = !authority.is_empty() && !authority.contains(['@', '%']);
    is_plain.then_some((&url[..scheme.len() + 3 + authority.len()], path))
}
