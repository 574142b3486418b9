//! A merchant's theme on the command line.

use crate::cli::Failure;
use crate::merchant::{Font, Logo, MAX_LOGO_FILE, Merchant, Scheme, Shade, Theme, ThemeChange};
use clap::{Args, ValueHint};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What `update` takes for the theme.
#[derive(Args)]
pub struct ThemeArgs {
    /// The accent of buttons and rings, such as '#0a5'; it must be readable
    #[arg(long, value_name = "#RRGGBB")]
    accent: Option<String>,
    /// The accent of dark pages; without it the nearest readable one of --accent
    #[arg(long, value_name = "#RRGGBB")]
    accent_dark: Option<String>,
    /// The corners' radius in pixels
    #[arg(long, value_name = "0-24", value_parser = clap::value_parser!(u8).range(0..=i64::from(Theme::MAX_RADIUS)))]
    radius: Option<u8>,
    /// The fonts, of those that systems have
    #[arg(long, value_name = "system|serif|rounded|mono", value_parser = named::<Font>)]
    font: Option<Font>,
    /// Light or dark pages, or as the cardholder's system has it
    #[arg(long, value_name = "auto|light|dark", value_parser = named::<Scheme>)]
    scheme: Option<Scheme>,
    /// A PNG shown beside the name: at most 8 KiB without its extras
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "no_logo")]
    logo: Option<PathBuf>,
    /// Show no logo
    #[arg(long)]
    no_logo: bool,
    /// Back to the page as it comes, before anything else that is named
    #[arg(long)]
    reset_theme: bool,
}

impl ThemeArgs {
    /// Applies what was named.
    ///
    /// # Errors
    /// [`Failure`] when a value cannot be used or the theme could not be read.
    pub fn apply(self, merchant: &mut Merchant) -> Result<(), Failure> {
        let logo = self.logo.as_deref().map(read_logo).transpose()?;
        let change = ThemeChange {
            accent: self.accent,
            accent_dark: self.accent_dark,
            radius: self.radius,
            font: self.font,
            scheme: self.scheme,
            logo: logo.map(Some).or(self.no_logo.then_some(None)),
        };
        let base = if self.reset_theme { Theme::default() } else { merchant.theme.clone() };
        merchant.theme = base.changed(change).map_err(|error| Failure::usage(format!("theme: {error}")))?;
        Ok(())
    }
}

/// The theme as JSON, with what follows from it.
pub(super) fn as_json(theme: &Theme) -> Value {
    let mut body = json!(theme);
    for (name, shade) in [("accentInLight", Shade::Light), ("accentInDark", Shade::Dark)] {
        if let Some(accent) = theme.accent_in(shade).filter(|_| theme.scheme().shades().contains(&shade)) {
            body[name] = json!(accent.to_string());
        }
    }
    if let Some(logo) = theme.logo() {
        let (width, height) = logo.size();
        body["logo"] = json!({ "width": width, "height": height, "bytes": logo.png().len() });
    }
    body
}

/// The theme on one line.
pub(super) fn as_text(theme: &Theme) -> String {
    if *theme == Theme::default() {
        return "the page's own".to_owned();
    }
    let accents = theme.scheme().shades().iter();
    let mut parts: Vec<String> = accents
        .filter_map(|shade| theme.accent_in(*shade).map(|accent| format!("accent {accent} in {shade} pages")))
        .collect();
    parts.extend(theme.radius().map(|radius| format!("radius {radius} px")));
    parts.push(format!("font {}", name(&theme.font())));
    parts.push(format!("scheme {}", name(&theme.scheme())));
    parts.extend(theme.logo().map(|logo| {
        let (width, height) = logo.size();
        format!("logo {width} × {height}, {} bytes", logo.png().len())
    }));
    parts.join(", ")
}

fn name<T: serde::Serialize>(value: &T) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| "must be one of those listed".to_owned())
}

fn read_logo(path: &Path) -> Result<Logo, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(MAX_LOGO_FILE as u64 + 1).read_to_end(&mut bytes));
    file.map_err(|error| Failure::unavailable(format!("the logo cannot be read: {error}")))?;
    Logo::parse(&bytes).map_err(|error| Failure::usage(format!("--logo: {error}")))
}
