//! Reads our own kind of HTML, strictly: what our templates never write is an
//! error, not a guess.

/// An element's start, and of scripts, styles and titles the text within.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Element<'a> {
    pub name: &'a str,
    pub attributes: Vec<(&'a str, &'a str)>,
    pub text: &'a str,
}

impl<'a> Element<'a> {
    /// The value of an attribute; empty for one without.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Elements whose text is no markup (HTML, section 13.1.2).
const RAW: [&str; 3] = ["script", "style", "title"];

/// Every element of a document, in order.
///
/// # Errors
/// What stands in it that our pages never hold.
pub(super) fn elements(html: &str) -> Result<Vec<Element<'_>>, String> {
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("it does not begin with <!doctype html>")?;
    let mut found = Vec::new();
    while let Some((_, behind)) = rest.split_once('<') {
        if let Some(end) = behind.strip_prefix('/') {
            let (name, after) = end.split_once('>').ok_or("a tag does not end")?;
            if !is_name(name) {
                return Err(format!("an end tag is malformed: {}", shown(name)));
            }
            rest = after;
            continue;
        }
        let (mut element, after) = start_tag(behind)?;
        rest = after;
        if RAW.contains(&element.name) {
            let end = format!("</{}>", element.name);
            (element.text, rest) = after.split_once(&end).ok_or(format!("<{}> does not end", element.name))?;
        }
        found.push(element);
    }
    Ok(found)
}

fn start_tag(text: &str) -> Result<(Element<'_>, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if !is_name(name) {
        return Err(format!("there is markup that is no element: <{}", shown(text)));
    }
    let mut attributes = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches([' ', '\n']);
        if let Some(after) = trimmed.strip_prefix("/>").or_else(|| trimmed.strip_prefix('>')) {
            return Ok((Element { name, attributes, text: "" }, after));
        }
        if trimmed.len() == rest.len() {
            return Err(format!("<{name}> is malformed: {}", shown(trimmed)));
        }
        let attribute;
        (attribute, rest) = read_attribute(trimmed).ok_or(format!("<{name}> is malformed: {}", shown(trimmed)))?;
        attributes.push(attribute);
    }
}

/// `name`, `name=""` or `name="value"`.
fn read_attribute(text: &str) -> Option<((&str, &str), &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-:_".contains(c)))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    match rest.strip_prefix("=\"") {
        Some(quoted) => quoted.split_once('"').map(|(value, rest)| ((name, value), rest)),
        None if rest.starts_with('=') => None,
        None => Some(((name, ""), rest)),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The beginning of what was found, for a message.
fn shown(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_with_attributes_and_raw_text() {
        let html =
            "<!doctype html><p class=\"a b\" hidden>x</p><script>if (a < b) '</p>';</script><path d=\"M0\"/><br>";
        let found = elements(html).unwrap();
        let names: Vec<_> = found.iter().map(|element| element.name).collect();
        assert_eq!(names, ["p", "script", "path", "br"]);
        assert_eq!(found[0].attributes, [("class", "a b"), ("hidden", "")]);
        assert_eq!(found[1].text, "if (a < b) '</p>';");
    }

    #[test]
    fn what_our_pages_never_hold_is_an_error() {
        for html in [
            "<html>",
            "<!doctype html><!-- x -->",
            "<!doctype html><p",
            "<!doctype html><p class=a>",
            "<!doctype html><p class='a'>",
            "<!doctype html><p class=\"a\"id=\"b\">",
            "<!doctype html><script>x",
            "<!doctype html><script>x</script >",
            "<!doctype html><?php",
            "<!doctype html></p x>",
            "<!doctype html><a/onclick=\"x\">",
        ] {
            assert!(elements(html).is_err(), "{html}");
        }
    }
}
