//! Where a list goes on: the last row's time and id, as opaque text.

use data_encoding::BASE64URL_NOPAD;

/// A place in a list as merchants carry it from page to page.
pub(super) fn write(created_at: i64, id: &str) -> String {
    BASE64URL_NOPAD.encode(format!("{created_at}:{id}").as_bytes())
}

/// Reads one of ours; `parse` knows the id.
pub(super) fn read<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<(i64, T)> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
    let (created_at, id) = text.split_once(':')?;
    Some((created_at.parse().ok()?, parse(id)?))
}
