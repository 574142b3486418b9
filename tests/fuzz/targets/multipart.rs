//! A second reader of multipart/form-data, as plain as can be: the whole body in
//! memory, cut at each delimiter (RFC 2046 section 5.1.1, RFC 7578).

/// Names and values in order; `None` where the body is not of the strict form
/// that browsers send.
pub fn parse<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<(String, &'a [u8])>> {
    let delimiter = format!("--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes())?;
    let inner = format!("\r\n{delimiter}");
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head_end = find(part, b"\r\n\r\n")?;
        let (head, content) = (&part[..head_end], &part[head_end + 4..]);
        let end = find(content, inner.as_bytes())?;
        parts.push((name(std::str::from_utf8(head).ok()?)?, &content[..end]));
        rest = &content[end + inner.len()..];
    }
    matches!(rest, b"--" | b"--\r\n").then_some(parts)
}

fn name(head: &str) -> Option<String> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let quoted = disposition.strip_prefix("form-data; name=\"")?;
    let (name, rest) = quoted.split_once('"')?;
    (rest.is_empty() && !name.contains('\\')).then(|| name.to_owned())
}

/// Where `wanted` begins in `bytes`.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
