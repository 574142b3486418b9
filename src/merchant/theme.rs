//! How a merchant's pages look: a few checked values, never CSS or HTML.
//!
//! A theme that people with weak eyes could not read is refused when it is set
//! (WCAG 2.2: 1.4.3 for text, 1.4.11 for rings and borders).

use super::contrast::Color;
use super::logo::Logo;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The font stacks: names of fonts that systems have. None is fetched.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Font {
    /// What the system writes its own menus in.
    #[default]
    System,
    /// With serifs.
    Serif,
    /// With round ends, where the system has one.
    Rounded,
    /// All letters as wide.
    Mono,
}

/// Light, dark, or as the cardholder's system has it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// As the system says.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// One of the page's two sets of colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shade {
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// What an accent is seen against: the colours of `static/page.css` by their
/// names there.
pub struct Surroundings {
    /// The page's background.
    pub ground: Color,
    /// The sheet that the form is on.
    pub surface: Color,
    /// The border of a field.
    pub edge: Color,
}

impl Shade {
    /// The colours around the accent.
    #[must_use]
    pub const fn surroundings(self) -> Surroundings {
        match self {
            Self::Light => Surroundings {
                ground: Color::rgb(0xf3, 0xf5, 0xf8),
                surface: Color::WHITE,
                edge: Color::rgb(0x84, 0x8e, 0x9e),
            },
            Self::Dark => Surroundings {
                ground: Color::rgb(0x0e, 0x12, 0x17),
                surface: Color::rgb(0x17, 0x1c, 0x23),
                edge: Color::rgb(0x6f, 0x7b, 0x8c),
            },
        }
    }

    /// Where an accent goes to be seen better.
    const fn away(self) -> Color {
        if matches!(self, Self::Light) { Color::BLACK } else { Color::WHITE }
    }
}

impl fmt::Display for Shade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if *self == Self::Light { "light" } else { "dark" })
    }
}

impl Scheme {
    /// The sets of colours that cardholders can meet.
    #[must_use]
    pub fn shades(self) -> &'static [Shade] {
        match self {
            Self::Auto => &[Shade::Light, Shade::Dark],
            Self::Light => &[Shade::Light],
            Self::Dark => &[Shade::Dark],
        }
    }
}

/// Two colours that must be told apart.
struct Pair {
    what: &'static str,
    colors: (Color, Color),
    least: f64,
    criterion: &'static str,
}

impl Pair {
    fn passes(&self) -> bool {
        self.ratio() >= self.least
    }

    fn ratio(&self) -> f64 {
        self.colors.0.contrast(self.colors.1)
    }
}

/// Every pair that an accent decides about.
fn pairs(accent: Color, shade: Shade) -> [Pair; 6] {
    let Surroundings { ground, surface, edge } = shade.surroundings();
    let text = |what, one, two| Pair { what, colors: (one, two), least: 4.5, criterion: "1.4.3" };
    let thing = |what, one, two| Pair { what, colors: (one, two), least: 3.0, criterion: "1.4.11" };
    [
        text("text on a button of the accent", accent.text_on(), accent),
        text("text of the accent on the page's background", accent, ground),
        text("text of the accent on the form's surface", accent, surface),
        thing("the focus ring on the page's background", accent, ground),
        thing("the focus ring on the form's surface", accent, surface),
        thing("the border of a field", edge, surface),
    ]
}

/// The accent, or what it takes the least black (light pages) or white (dark
/// ones) to turn it into so that every pair passes. There is always one.
#[must_use]
pub fn nearest_readable(accent: Color, shade: Shade) -> Color {
    let candidates = (0..=u8::MAX).map(|parts| accent.mixed(shade.away(), parts));
    let passes = |color: &Color| pairs(*color, shade).iter().all(Pair::passes);
    candidates.into_iter().find(passes).unwrap_or(shade.away())
}

/// Why a theme is not taken.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ThemeError {
    /// Not a colour.
    #[error("must be a colour such as #0a5 or #00aa55")]
    Color,
    /// Too round.
    #[error("the corner radius must be 0 to {} pixels", Theme::MAX_RADIUS)]
    Radius,
    /// Too little contrast.
    #[error(
        "{accent} fails in {shade} pages: {what} has a contrast of {ratio}:1 and needs {least}:1 (WCAG 2.2, {criterion}); \
         the nearest accent that passes is {nearest}"
    )]
    Contrast {
        /// The accent as it was given.
        accent: Color,
        /// Where.
        shade: Shade,
        /// Which pair.
        what: &'static str,
        /// Their contrast, rounded down to two places.
        ratio: String,
        /// What it must be.
        least: f64,
        /// The success criterion.
        criterion: &'static str,
        /// What would do.
        nearest: Color,
    },
}

/// What to change of a theme; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ThemeChange {
    /// The accent, `#rgb` or `#rrggbb`.
    pub accent: Option<String>,
    /// Its like for dark pages.
    pub accent_dark: Option<String>,
    /// The corners' radius in pixels.
    pub radius: Option<u8>,
    /// The font stack.
    pub font: Option<Font>,
    /// The scheme.
    pub scheme: Option<Scheme>,
    /// A new logo, or with `Some(None)` none.
    pub logo: Option<Option<Logo>>,
}

/// A theme whose contrasts were checked. The default is the page as it comes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Theme {
    #[serde(with = "color", skip_serializing_if = "Option::is_none")]
    accent: Option<Color>,
    #[serde(with = "color", skip_serializing_if = "Option::is_none")]
    accent_dark: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    radius: Option<u8>,
    font: Font,
    scheme: Scheme,
    #[serde(skip)]
    logo: Option<Logo>,
}

impl Theme {
    /// The roundest corners, in pixels.
    pub const MAX_RADIUS: u8 = 24;

    /// The page as it comes.
    pub const PLAIN: Self =
        Self { accent: None, accent_dark: None, radius: None, font: Font::System, scheme: Scheme::Auto, logo: None };

    /// This theme with a change, if all of it can be read in every scheme that
    /// cardholders can meet.
    ///
    /// # Errors
    /// [`ThemeError`]; this theme stays as it is.
    pub fn changed(&self, change: ThemeChange) -> Result<Self, ThemeError> {
        let color = |text: Option<String>, old: Option<Color>| match text {
            Some(text) => Color::parse(&text).map(Some).ok_or(ThemeError::Color),
            None => Ok(old),
        };
        let theme = Self {
            accent: color(change.accent, self.accent)?,
            accent_dark: color(change.accent_dark, self.accent_dark)?,
            radius: change.radius.or(self.radius),
            font: change.font.unwrap_or(self.font),
            scheme: change.scheme.unwrap_or(self.scheme),
            logo: change.logo.unwrap_or_else(|| self.logo.clone()),
        };
        if theme.radius > Some(Self::MAX_RADIUS) {
            return Err(ThemeError::Radius);
        }
        theme.scheme.shades().iter().try_for_each(|&shade| theme.check(shade))?;
        Ok(theme)
    }

    fn check(&self, shade: Shade) -> Result<(), ThemeError> {
        let Some(accent) = self.accent_in(shade) else { return Ok(()) };
        let Some(failed) = pairs(accent, shade).into_iter().find(|pair| !pair.passes()) else { return Ok(()) };
        Err(ThemeError::Contrast {
            accent,
            shade,
            what: failed.what,
            // Never up: 4.499 is not 4.5.
            ratio: format!("{:.2}", (failed.ratio() * 100.0).floor() / 100.0),
            least: failed.least,
            criterion: failed.criterion,
            nearest: nearest_readable(accent, shade),
        })
    }

    /// The theme's logo taken back from the store, where it is kept by itself.
    pub(crate) fn with_logo(self, logo: Option<Logo>) -> Self {
        Self { logo, ..self }
    }

    /// The accent of light or dark pages; none when it is the page's own.
    ///
    /// No colour is readable as text on both of the page's backgrounds (the best
    /// reaches 3.96:1). A theme that follows the system and names one accent has
    /// the nearest readable one of it in dark pages.
    #[must_use]
    pub fn accent_in(&self, shade: Shade) -> Option<Color> {
        let named = match shade {
            Shade::Light => return self.accent,
            Shade::Dark => self.accent_dark,
        };
        let derived = || match self.scheme {
            Scheme::Dark => self.accent,
            _ => self.accent.map(|accent| nearest_readable(accent, shade)),
        };
        named.or_else(derived)
    }

    /// The corners' radius in pixels; none when it is the page's own.
    #[must_use]
    pub fn radius(&self) -> Option<u8> {
        self.radius
    }

    /// The font stack.
    #[must_use]
    pub fn font(&self) -> Font {
        self.font
    }

    /// Light, dark or both.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The logo.
    #[must_use]
    pub fn logo(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }
}

/// Colours as they are kept.
mod color {
    use super::Color;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(color: &Option<Color>, to: S) -> Result<S::Ok, S::Error> {
        match color {
            Some(color) => to.collect_str(color),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Color>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| Color::parse(&text).ok_or_else(|| D::Error::custom("a colour"))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_accent(accent: &str, scheme: Scheme) -> Result<Theme, ThemeError> {
        Theme::default().changed(ThemeChange {
            accent: Some(accent.to_owned()),
            scheme: Some(scheme),
            ..ThemeChange::default()
        })
    }

    #[test]
    fn an_accent_that_cannot_be_read_is_refused_with_pair_ratio_and_the_nearest_that_can() {
        let refused = with_accent("#0a5", Scheme::Light).unwrap_err().to_string();
        assert_eq!(
            refused,
            "#00aa55 fails in light pages: text of the accent on the page's background has a contrast of 2.79:1 and \
             needs 4.5:1 (WCAG 2.2, 1.4.3); the nearest accent that passes is #008241"
        );
        let refused = with_accent("#084a41", Scheme::Dark).unwrap_err().to_string();
        assert!(refused.contains("dark pages") && refused.contains("4.5:1"), "{refused}");
    }

    #[test]
    fn the_nearest_accent_passes_and_the_step_before_it_does_not() {
        for text in ["#0a5", "#fff", "#000", "#ff0", "#f00", "#7f7f7f", "#0000ff", "#59cdb6"] {
            let accent = Color::parse(text).unwrap();
            for shade in [Shade::Light, Shade::Dark] {
                let nearest = nearest_readable(accent, shade);
                let scheme = if shade == Shade::Light { Scheme::Light } else { Scheme::Dark };
                assert!(with_accent(&nearest.to_string(), scheme).is_ok(), "{text} {shade}: {nearest}");
                let before = (0..=255).map(|parts| accent.mixed(shade.away(), parts)).take_while(|it| *it != nearest);
                for nearer in before {
                    assert!(with_accent(&nearer.to_string(), scheme).is_err(), "{text} {shade}: {nearer}");
                }
            }
        }
    }

    #[test]
    fn no_colour_is_readable_on_both_backgrounds() {
        let (light, dark) = (Shade::Light.surroundings(), Shade::Dark.surroundings());
        // What contrasts as much with both lies at the root of their own contrast.
        assert!(light.ground.contrast(dark.surface).sqrt() < 4.5);
    }

    #[test]
    fn one_accent_serves_both_schemes_by_its_nearest_in_the_dark() {
        let theme = with_accent("#00703c", Scheme::Auto).unwrap();
        assert_eq!(theme.accent_in(Shade::Light).unwrap().to_string(), "#00703c");
        let dark = theme.accent_in(Shade::Dark).unwrap();
        assert!(pairs(dark, Shade::Dark).iter().all(Pair::passes));
        let change = ThemeChange { accent_dark: Some("#014d29".to_owned()), ..ThemeChange::default() };
        let refused = theme.changed(change).unwrap_err().to_string();
        assert!(refused.contains("#014d29 fails in dark pages"), "{refused}");
        let only_light = theme.changed(ThemeChange { scheme: Some(Scheme::Light), ..ThemeChange::default() });
        assert!(only_light.is_ok());
        assert!(with_accent("#00703c", Scheme::Dark).is_err(), "what is named is not bent in silence");
    }

    #[test]
    fn a_change_of_scheme_is_checked_with_the_accent_that_is_there() {
        let theme = with_accent("#7bdcc9", Scheme::Dark).unwrap();
        let refused = theme.changed(ThemeChange { scheme: Some(Scheme::Auto), ..ThemeChange::default() });
        assert!(matches!(refused, Err(ThemeError::Contrast { shade: Shade::Light, .. })));
    }

    #[test]
    fn values_have_bounds() {
        let change = |change| Theme::default().changed(change);
        assert_eq!(change(ThemeChange { radius: Some(25), ..ThemeChange::default() }), Err(ThemeError::Radius));
        let script = Some("#fff;}body{background:url(//evil.example)".to_owned());
        assert_eq!(change(ThemeChange { accent: script, ..ThemeChange::default() }), Err(ThemeError::Color));
        assert_eq!(change(ThemeChange::default()), Ok(Theme::default()));
    }

    #[test]
    fn a_theme_reads_back_as_it_was_written() {
        let change = ThemeChange { radius: Some(4), font: Some(Font::Mono), ..ThemeChange::default() };
        let theme = with_accent("#00703c", Scheme::Auto).unwrap().changed(change).unwrap();
        let text = serde_json::to_string(&theme).unwrap();
        assert_eq!(text, r##"{"accent":"#00703c","radius":4,"font":"mono","scheme":"auto"}"##);
        assert_eq!(serde_json::from_str::<Theme>(&text).unwrap(), theme);
        assert_eq!(serde_json::from_str::<Theme>("{}").unwrap(), Theme::default());
        assert!(serde_json::from_str::<Theme>(r#"{"css":"x"}"#).is_err());
    }
}
