//! The Content-Security-Policy of a document: nothing, and then what it needs.

use super::assets::Asset;
use super::theme::Style;
use std::fmt;

/// Where browsers report what the policy stopped: `/csp`, by the name that
/// `report-to` uses (Reporting API, section 3.1).
pub(super) const ENDPOINTS: &str = "csp=\"/csp\"";

/// A policy that grows by what a document does.
pub(super) struct Policy<'a> {
    fixed: &'a str,
    theme: Option<&'a str>,
    scripts: Vec<&'a Asset>,
    posts_here: bool,
    posts_to: Option<String>,
    frame_ancestor: Option<&'a str>,
}

impl<'a> Policy<'a> {
    /// Shows styled text, does nothing, and may not be framed.
    pub fn new(style: &'a Style<'_>) -> Self {
        Self::of_hashes(&style.fixed.hash, style.theme.as_ref().map(|theme| theme.hash.as_str()))
    }

    /// The same from the hashes of the fixed sheet and of a theme's.
    pub fn of_hashes(fixed: &'a str, theme: Option<&'a str>) -> Self {
        Self { fixed, theme, scripts: Vec::new(), posts_here: false, posts_to: None, frame_ancestor: None }
    }

    /// Runs this script.
    pub fn script(mut self, script: &'a Asset) -> Self {
        self.scripts.push(script);
        self
    }

    /// Posts a form, or calls by script, to its own origin.
    pub fn posts_here(self) -> Self {
        Self { posts_here: true, ..self }
    }

    /// Posts a form to this other origin. What is no plain origin is no permission.
    pub fn posts_to(self, origin: String) -> Self {
        Self { posts_to: Some(origin).filter(|origin| is_origin(origin)), ..self }
    }

    /// May be framed by this origin. What is no plain origin is no permission.
    pub fn frame_ancestor(self, origin: Option<&'a str>) -> Self {
        Self { frame_ancestor: origin.filter(|origin| is_origin(origin)), ..self }
    }
}

/// `scheme://host[:port]` in the characters that cannot end a directive.
pub(super) fn is_origin(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    authority.is_some_and(|authority| !authority.is_empty() && authority.bytes().all(plain))
}

impl fmt::Display for Policy<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("default-src 'none'; img-src data:; base-uri 'none'; ")?;
        match &self.posts_to {
            _ if self.posts_here => out.write_str("connect-src 'self'; form-action 'self'; ")?,
            Some(origin) => write!(out, "form-action {origin}; ")?,
            None => out.write_str("form-action 'none'; ")?,
        }
        let mut separator = "script-src";
        for script in &self.scripts {
            write!(out, "{separator} '{}'", script.hash)?;
            separator = "";
        }
        out.write_str(if self.scripts.is_empty() { "" } else { "; " })?;
        write!(out, "style-src '{}'", self.fixed)?;
        if let Some(theme) = self.theme {
            write!(out, " '{theme}'")?;
        }
        write!(out, "; frame-ancestors {}; ", self.frame_ancestor.unwrap_or("'none'"))?;
        // Browsers that know `report-to` leave `report-uri` alone.
        out.write_str("require-trusted-types-for 'script'; trusted-types 'none'; report-uri /csp; report-to csp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_policy_of_a_form() {
        let (style, script) = (Asset::new("a{}".into()), Asset::new("b()".into()));
        let policy = Policy::of_hashes(&style.hash, None)
            .script(&script)
            .posts_here()
            .frame_ancestor(Some("https://shop.example:8443"));
        let expected = format!(
            "default-src 'none'; img-src data:; base-uri 'none'; connect-src 'self'; form-action 'self'; \
             script-src '{}'; style-src '{}'; frame-ancestors https://shop.example:8443; \
             require-trusted-types-for 'script'; trusted-types 'none'; report-uri /csp; report-to csp",
            script.hash, style.hash
        );
        assert_eq!(policy.to_string(), expected);
    }

    #[test]
    fn a_theme_stands_beside_the_fixed_sheet() {
        let (style, theme) = (Asset::new("a{}".into()), Asset::new(":root{}".into()));
        let policy = Policy::of_hashes(&style.hash, Some(&theme.hash)).to_string();
        assert!(policy.contains(&format!("style-src '{}' '{}'; ", style.hash, theme.hash)), "{policy}");
    }

    #[test]
    fn a_page_that_only_speaks_gets_no_script_and_no_form() {
        let style = Asset::new("a{}".into());
        let policy = Policy::of_hashes(&style.hash, None).to_string();
        assert!(!policy.contains("script-src") && !policy.contains("connect-src"));
        assert!(policy.contains("form-action 'none'") && policy.contains("frame-ancestors 'none'"));
    }

    #[test]
    fn a_form_for_the_shop_goes_to_its_origin_alone() {
        let (style, one, two) = (Asset::new("a{}".into()), Asset::new("b()".into()), Asset::new("c()".into()));
        let policy = Policy::of_hashes(&style.hash, None)
            .script(&one)
            .script(&two)
            .posts_to("https://shop.example".into())
            .to_string();
        assert!(policy.contains("form-action https://shop.example; "), "{policy}");
        assert!(policy.contains(&format!("; script-src '{}' '{}'; style-src", one.hash, two.hash)), "{policy}");
        assert!(!policy.contains("'self'"), "{policy}");
        let smuggled = Policy::of_hashes(&style.hash, None).posts_to("https://a; script-src *".into()).to_string();
        assert!(smuggled.contains("form-action 'none'; ") && !smuggled.contains('*'), "{smuggled}");
    }

    #[test]
    fn an_origin_cannot_smuggle_a_directive() {
        let style = Asset::new("a{}".into());
        for origin in ["https://a; script-src *", "https://a b", "https://a,b", "*", "https://", "data:x", "https://*"]
        {
            let policy = Policy::of_hashes(&style.hash, None).frame_ancestor(Some(origin)).to_string();
            assert!(policy.contains("frame-ancestors 'none';"), "{origin}");
        }
    }
}
