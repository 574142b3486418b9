//! Colours and their contrast, as WCAG 2.2 defines it: arithmetic, nothing else.

use std::fmt;

/// An opaque sRGB colour, eight bits a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Color([u8; 3]);

impl Color {
    /// `#000000`.
    pub const BLACK: Self = Self([0; 3]);
    /// `#ffffff`.
    pub const WHITE: Self = Self([255; 3]);

    /// A colour from its three channels.
    #[must_use]
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Reads `#rgb` or `#rrggbb` (CSS Color 4, section 5.2), without an alpha channel.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.strip_prefix('#')?.chars().map(hexadecimal).collect::<Option<_>>()?;
        match *digits.as_slice() {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [_, _, _, _, _, _] => Some(Self([0, 2, 4].map(|at| digits[at] * 16 + digits[at + 1]))),
            _ => None,
        }
    }

    /// The relative luminance, 0 for black to 1 for white.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| linear(f64::from(channel) / 255.0));
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast ratio with another colour, 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// This colour with `parts` of 255 of another in it.
    #[must_use]
    pub fn mixed(self, other: Self, parts: u8) -> Self {
        let (new, old) = (u16::from(parts), u16::from(255 - parts));
        let mix = |index: usize| {
            let sum = u16::from(self.0[index]) * old + u16::from(other.0[index]) * new;
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// Black or white, whichever is read better on this colour: 4.58 at the least.
    #[must_use]
    pub fn text_on(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }
}

/// `#rrggbb`
impl fmt::Display for Color {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

fn hexadecimal(digit: char) -> Option<u8> {
    digit.to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// An sRGB channel without its gamma. The bound is that of sRGB; the one printed
/// in WCAG 2.0 (0.03928) tells no two eight-bit values apart.
fn linear(channel: f64) -> f64 {
    if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(one: &str, two: &str) -> f64 {
        Color::parse(one).unwrap().contrast(Color::parse(two).unwrap())
    }

    /// Ratios that the working group and the checkers it names publish; #777777
    /// is the one that WCAG decided must not be rounded up.
    #[test]
    fn published_ratios() {
        for (one, two, published) in [
            ("#000", "#fff", 21.0),
            ("#fff", "#fff", 1.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#949494", "#fff", 3.03),
            ("#f00", "#fff", 4.00),
            ("#00f", "#fff", 8.59),
        ] {
            assert!((ratio(one, two) - published).abs() < 0.005, "{one} on {two}: {}", ratio(one, two));
            assert!((ratio(one, two) - ratio(two, one)).abs() < f64::EPSILON);
        }
        assert!(ratio("#777", "#fff") < 4.5 && ratio("#f00", "#fff") < 4.0);
    }

    #[test]
    fn colours_are_three_or_six_digits() {
        assert_eq!(Color::parse("#0a5"), Some(Color::rgb(0, 0xaa, 0x55)));
        assert_eq!(Color::parse("#0B5d52").unwrap().to_string(), "#0b5d52");
        for text in ["", "#", "0a5", "#0a", "#0a50", "#0a55550", "#00aa5", "#00aa5500", "#ggg", "red", "#0a5;", "#٠٠٠"]
        {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    #[test]
    fn black_or_white_is_always_readable() {
        let steps = || (0..=255u8).step_by(15);
        for (red, green, blue) in steps().flat_map(|r| steps().flat_map(move |g| steps().map(move |b| (r, g, b)))) {
            let color = Color::rgb(red, green, blue);
            assert!(color.contrast(color.text_on()) >= 4.5, "{color}");
        }
    }

    #[test]
    fn mixing_goes_from_one_to_the_other() {
        let (one, two) = (Color::rgb(10, 200, 30), Color::WHITE);
        assert_eq!((one.mixed(two, 0), one.mixed(two, 255)), (one, two));
        assert_eq!(Color::BLACK.mixed(Color::WHITE, 51), Color::rgb(51, 51, 51));
    }
}
