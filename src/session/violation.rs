//! What a browser kept a session's page from doing: names from fixed lists, and
//! nothing of what the report said besides.

/// A report of the page's policy, as far as it is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Violation {
    /// What it went against.
    pub directive: Directive,
    /// What kind of thing was kept out.
    pub blocked: Blocked,
}

impl Violation {
    /// The `type` of the event that tells the merchant.
    pub const EVENT: &str = "page.violation";

    /// One that was recorded, back from the store.
    pub(crate) fn from_store(directive: &str, blocked: &str) -> Self {
        Self { directive: Directive::parse(directive), blocked: Blocked::parse(blocked) }
    }
}

/// A directive of the policy (CSP level 3, section 6), by its place in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Directive(usize);

const DIRECTIVES: [&str; 24] = [
    "base-uri",
    "child-src",
    "connect-src",
    "default-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "prefetch-src",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "worker-src",
    "other",
];

impl Directive {
    /// How many there are.
    pub const COUNT: usize = DIRECTIVES.len();

    /// Reads the first word of a report's directive: older browsers repeat the
    /// whole of it. What is on no list is `other`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let name = text.split_ascii_whitespace().next().unwrap_or_default();
        Self(DIRECTIVES.iter().position(|known| *known == name).unwrap_or(DIRECTIVES.len() - 1))
    }

    /// Its name, or `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        DIRECTIVES[self.0]
    }

    /// Its place among them.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// The kind of thing that was kept out; never its address, which can carry
/// what was to be carried off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blocked {
    /// A script or style in the document.
    Inline,
    /// Text that was to be run.
    Eval,
    /// A use of text as code that Trusted Types stopped.
    TrustedTypes,
    /// A `data:`, `blob:` or similar address.
    Local,
    /// An address of this service.
    Own,
    /// An address of anybody else.
    OtherOrigin,
    /// A browser's extension.
    Extension,
    /// None of these.
    Other,
}

impl Blocked {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Inline,
        Self::Eval,
        Self::TrustedTypes,
        Self::Local,
        Self::Own,
        Self::OtherOrigin,
        Self::Extension,
        Self::Other,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its name in events and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Eval => "eval",
            Self::TrustedTypes => "trusted_types",
            Self::Local => "local",
            Self::Own => "own",
            Self::OtherOrigin => "other_origin",
            Self::Extension => "extension",
            Self::Other => "other",
        }
    }

    /// Its place among them.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|known| known.name() == name).unwrap_or(Self::Other)
    }

    /// Judges what a report says was blocked: a keyword, a scheme, or an address.
    #[must_use]
    pub fn of(text: &str, our_origin: &str) -> Self {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        match scheme {
            "inline" => Self::Inline,
            "eval" | "wasm-eval" => Self::Eval,
            "trusted-types-policy" | "trusted-types-sink" => Self::TrustedTypes,
            "self" => Self::Own,
            "data" | "blob" | "filesystem" | "about" => Self::Local,
            "http" | "https" | "ws" | "wss" => {
                let is_ours =
                    text.strip_prefix(our_origin).is_some_and(|behind| behind.is_empty() || behind.starts_with('/'));
                if is_ours { Self::Own } else { Self::OtherOrigin }
            }
            _ if scheme.ends_with("-extension") && !rest.is_empty() => Self::Extension,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_other() {
        for name in DIRECTIVES {
            assert_eq!(Directive::parse(name).name(), name);
        }
        assert_eq!(Directive::parse("script-src 'sha256-x' https://evil.example").name(), "script-src");
        for text in ["", "script", "4355093000777068", "script-src;x"] {
            assert_eq!(Directive::parse(text).name(), "other", "{text}");
        }
        for blocked in Blocked::ALL {
            assert_eq!(Blocked::ALL[blocked.index()], blocked);
            assert_eq!(Blocked::parse(blocked.name()), blocked);
        }
    }

    #[test]
    fn what_was_blocked_is_a_kind_and_no_address() {
        for (text, kind) in [
            ("inline", Blocked::Inline),
            ("eval", Blocked::Eval),
            ("trusted-types-sink", Blocked::TrustedTypes),
            ("data", Blocked::Local),
            ("blob:https://pay.example/1", Blocked::Local),
            ("https://pay.example/c/secret", Blocked::Own),
            ("https://pay.example", Blocked::Own),
            ("https://pay.example.evil.example/", Blocked::OtherOrigin),
            ("https://evil.example/?pan=4355093000777068", Blocked::OtherOrigin),
            ("wss://evil.example", Blocked::OtherOrigin),
            ("chrome-extension://abc/x.js", Blocked::Extension),
            ("chrome-extension", Blocked::Other),
            ("4355093000777068", Blocked::Other),
            ("", Blocked::Other),
        ] {
            assert_eq!(Blocked::of(text, "https://pay.example"), kind, "{text}");
        }
    }
}
