//! A merchant's theme as a stylesheet of custom properties, beside the fixed one.

use super::assets::Asset;
use crate::merchant::{Color, Font, Logo, Scheme, Shade, Theme};
use data_encoding::BASE64;
use std::fmt::Write;

/// What a document is styled with.
pub(super) struct Style<'a> {
    /// The sheet of every page.
    pub fixed: &'a Asset,
    /// The merchant's values for it, when they are not the sheet's own.
    pub theme: Option<Asset>,
    /// The logo.
    pub logo: Option<Inlined>,
    scheme: Scheme,
}

/// A PNG as it stands in a document.
pub(super) struct Inlined {
    pub base64: String,
    pub width: u32,
    pub height: u32,
}

impl Inlined {
    fn new(logo: &Logo) -> Self {
        let (width, height) = logo.size();
        Self { base64: BASE64.encode(logo.png()), width, height }
    }
}

impl<'a> Style<'a> {
    pub fn new(fixed: &'a Asset, palettes: &Palettes, theme: &Theme) -> Self {
        Self {
            fixed,
            theme: palettes.sheet(theme).map(Asset::new),
            logo: theme.logo().map(Inlined::new),
            scheme: theme.scheme(),
        }
    }

    /// For browsers before they have read the style.
    pub fn schemes(&self) -> &'static str {
        schemes(self.scheme)
    }

    /// The page's backgrounds, and for which setting of the system each is.
    pub fn grounds(&self) -> Vec<(Color, Option<Shade>)> {
        let shades = self.scheme.shades();
        let when = |shade| Some(shade).filter(|_| shades.len() > 1);
        shades.iter().map(|&shade| (shade.surroundings().ground, when(shade))).collect()
    }
}

fn schemes(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Auto => "light dark",
        Scheme::Light => "light",
        Scheme::Dark => "dark",
    }
}

/// The colours of the fixed sheet, light and dark, as declarations: a theme that
/// is always light or always dark repeats one of them.
pub(super) struct Palettes {
    light: Vec<(String, String)>,
    dark: Vec<(String, String)>,
}

const DARK_PAGES: &str = "@media (prefers-color-scheme: dark) {\n";

impl Palettes {
    /// Reads them from the sheet, where they stand.
    pub fn of(sheet: &str) -> Self {
        let dark = sheet.split_once(DARK_PAGES).map_or_else(Vec::new, |(_, behind)| declarations(behind));
        let mut light = declarations(sheet);
        light.retain(|(name, _)| dark.iter().any(|(known, _)| known == name));
        Self { light, dark }
    }

    fn colors(&self, shade: Shade) -> &[(String, String)] {
        if shade == Shade::Light { &self.light } else { &self.dark }
    }

    /// The theme's sheet; none when there is nothing in it.
    fn sheet(&self, theme: &Theme) -> Option<String> {
        if let [shade] = *theme.scheme().shades() {
            let mut root = format!("--scheme:{};", schemes(theme.scheme()));
            for (name, value) in self.colors(shade) {
                declare(&mut root, name, value);
            }
            return Some(format!(":root{{{root}{}{}}}", accents(theme, shade), shape(theme)));
        }
        let (root, dark) = (accents(theme, Shade::Light) + &shape(theme), accents(theme, Shade::Dark));
        let root = if root.is_empty() { root } else { format!(":root{{{root}}}") };
        let dark = if dark.is_empty() { dark } else { format!("{DARK_RULE}{dark}}}}}") };
        Some(root + &dark).filter(|text| !text.is_empty())
    }

    /// Whether a sheet has the form of a theme's, whoever's it is: custom
    /// properties of the page alone, with values that fetch nothing.
    pub fn is_theme(&self, text: &str) -> bool {
        let Some(behind) = text.strip_prefix(":root{").or_else(|| text.strip_prefix(DARK_RULE)) else { return false };
        let (first, second) = match behind.split_once(DARK_RULE) {
            Some((first, second)) => (first, Some(second)),
            None => (behind, None),
        };
        let ends = |part: &str, end: &str| part.strip_suffix(end).is_some_and(|inside| self.are_known(inside));
        match second {
            Some(second) => ends(first, "}") && ends(second, "}}"),
            None if text.starts_with(DARK_RULE) => ends(first, "}}"),
            None => ends(first, "}"),
        }
    }

    fn are_known(&self, inside: &str) -> bool {
        let mut declarations = inside.split_terminator(';');
        declarations.all(|declaration| {
            let Some((name, value)) = declaration.split_once(':') else { return false };
            let is_color = self.dark.iter().any(|(known, _)| known == name);
            match name {
                "--scheme" => ["light", "dark"].contains(&value),
                "--font" => FONTS.iter().any(|(_, stack)| *stack == value),
                "--round" | "--round-sheet" => value.strip_suffix("px").is_some_and(|px| px.parse::<u8>().is_ok()),
                _ => is_color && Color::parse(value).is_some(),
            }
        })
    }
}

const DARK_RULE: &str = "@media (prefers-color-scheme:dark){:root{";

/// Of the first rule: `--name: value;`, one a line.
fn declarations(text: &str) -> Vec<(String, String)> {
    let rule = text.split_once(":root {\n").map_or("", |(_, behind)| behind);
    let lines = rule.lines().take_while(|line| *line != "}");
    let read = |line: &str| {
        let (name, value) = line.strip_suffix(';')?.split_once(": ")?;
        name.starts_with("--").then(|| (name.to_owned(), value.to_owned()))
    };
    lines.filter_map(read).collect()
}

fn declare(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = write!(text, "{name}:{value};");
}

/// How strong a shade of the accent a pressed button has, and a tinted field, of 255.
const STRONGER: u8 = 48;
const TINTED: [(Shade, u8); 2] = [(Shade::Light, 26), (Shade::Dark, 46)];

/// The accent and what is made of it. What is under the text moves away from
/// the text's colour, so that its contrast grows.
fn accents(theme: &Theme, shade: Shade) -> String {
    let Some(accent) = theme.accent_in(shade) else { return String::new() };
    let text = accent.text_on();
    let away = if text == Color::WHITE { Color::BLACK } else { Color::WHITE };
    let tint = TINTED.iter().find(|(of, _)| *of == shade).map_or(0, |(_, parts)| *parts);
    let mut declared = String::new();
    for (name, color) in [
        ("--accent", accent),
        ("--accent-strong", accent.mixed(away, STRONGER)),
        ("--on-accent", text),
        ("--tint", shade.surroundings().surface.mixed(accent, tint)),
    ] {
        declare(&mut declared, name, &color.to_string());
    }
    declared
}

/// Corners and fonts.
fn shape(theme: &Theme) -> String {
    let mut declared = String::new();
    if let Some(radius) = theme.radius() {
        declare(&mut declared, "--round", &format!("{radius}px"));
        declare(&mut declared, "--round-sheet", &format!("{}px", u16::from(radius) * 3 / 2));
    }
    if let Some((_, stack)) = FONTS.iter().find(|(font, _)| *font == theme.font()) {
        declare(&mut declared, "--font", stack);
    }
    declared
}

/// Fonts that systems come with; the last word of each is one that all have.
const FONTS: [(Font, &str); 3] = [
    (Font::Serif, r#""Iowan Old Style","Palatino Linotype",Palatino,"Noto Serif","DejaVu Serif",Georgia,serif"#),
    (
        Font::Rounded,
        r#"ui-rounded,"SF Pro Rounded","Hiragino Maru Gothic ProN",Nunito,Quicksand,"Arial Rounded MT Bold",system-ui,sans-serif"#,
    ),
    (Font::Mono, r#"ui-monospace,"Cascadia Code","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace"#),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merchant::ThemeChange;

    fn palettes() -> Palettes {
        Palettes::of(&Asset::style().text)
    }

    fn themed(change: ThemeChange) -> String {
        let theme = Theme::default().changed(change).unwrap();
        palettes().sheet(&theme).unwrap()
    }

    fn accent(text: &str) -> ThemeChange {
        ThemeChange { accent: Some(text.to_owned()), ..ThemeChange::default() }
    }

    #[test]
    fn the_page_as_it_comes_has_no_sheet_of_its_own() {
        assert_eq!(palettes().sheet(&Theme::default()), None);
    }

    #[test]
    fn the_whole_sheet_of_an_accent() {
        let expected = ":root{--accent:#00703c;--accent-strong:#005b31;--on-accent:#ffffff;--tint:#e5f0eb;\
            --round:8px;--round-sheet:12px;}@media (prefers-color-scheme:dark){:root{--accent:#";
        let sheet = themed(ThemeChange { radius: Some(8), ..accent("#00703c") });
        assert!(sheet.starts_with(expected), "{sheet}");
    }

    #[test]
    fn one_scheme_alone_repeats_its_colours() {
        for (scheme, ground) in [(Scheme::Light, "--ground:#f3f5f8;"), (Scheme::Dark, "--ground:#0e1217;")] {
            let sheet = themed(ThemeChange { scheme: Some(scheme), ..ThemeChange::default() });
            assert!(sheet.contains(ground) && !sheet.contains("@media"), "{sheet}");
            assert!(sheet.starts_with(&format!(":root{{--scheme:{};", schemes(scheme))));
        }
    }

    /// The contrasts are computed against these; the sheet paints them.
    #[test]
    fn the_surroundings_are_those_of_the_sheet() {
        let palettes = palettes();
        assert!(palettes.light.len() > 15 && palettes.light.len() == palettes.dark.len());
        for shade in [Shade::Light, Shade::Dark] {
            let around = shade.surroundings();
            let painted = |name| {
                let (_, value) = palettes.colors(shade).iter().find(|(known, _)| known == name).unwrap();
                Color::parse(value).unwrap()
            };
            assert_eq!(
                [painted("--ground"), painted("--surface"), painted("--edge")],
                [around.ground, around.surface, around.edge]
            );
            let change = ThemeChange { scheme: Some(Scheme::Auto), ..accent(&painted("--accent").to_string()) };
            let refused = Theme::default().changed(change).is_err();
            assert_eq!(refused, shade == Shade::Dark, "the page's own accent is readable where it is used");
            assert!(painted("--accent").contrast(painted("--on-accent")) >= 4.5);
            assert!(painted("--accent-strong").contrast(painted("--on-accent")) >= 4.5);
        }
    }

    #[test]
    fn a_theme_has_its_form_and_nothing_else_has_it() {
        let palettes = palettes();
        for change in [
            accent("#00703c"),
            ThemeChange { scheme: Some(Scheme::Dark), ..ThemeChange::default() },
            ThemeChange {
                scheme: Some(Scheme::Light),
                radius: Some(24),
                font: Some(Font::Rounded),
                ..accent("#00703c")
            },
            ThemeChange { font: Some(Font::Mono), ..ThemeChange::default() },
            ThemeChange { accent_dark: Some("#59cdb6".to_owned()), ..ThemeChange::default() },
        ] {
            let sheet = themed(change);
            assert!(palettes.is_theme(&sheet), "{sheet}");
            assert!(!palettes.is_theme(&format!("{sheet} ")) && !palettes.is_theme(&sheet[1..]));
            assert!(!palettes.is_theme(&format!("{sheet}input{{background:url(//evil.example)}}")));
        }
        for sheet in [
            "",
            "body{}",
            ":root{color:red;}",
            ":root{--accent:url(//evil.example);}",
            ":root{--accent:#fff;}body{color:#fff;}",
            ":root{--accent:#fff;background:#fff;}",
            ":root{--font:Evil;}",
            ":root{--unknown:#fff;}",
            "@import '//evil.example';:root{--accent:#fff;}",
        ] {
            assert!(!palettes.is_theme(sheet), "{sheet}");
        }
    }
}
