//! What a cardholder types: `number \n expiry \n code \n month \n year`, each
//! read by itself and, where all are good, as a card.

use super::input::{lines, text};
use super::numbers::{luhn, typed_digits};
use vezne::card::{Card, Cvv, Expiry, Month, Pan};

/// Reads the five values and judges what was accepted.
pub fn check(data: &[u8]) {
    let ([number, expiry, code, month, year], _) = lines(data);
    let now = Month::new(2026, 11).unwrap();
    let pan = Pan::parse(number).ok().inspect(|pan| judge_pan(number, pan));
    let expires = Expiry::parse(expiry, now).ok().inspect(|&read| judge_expiry(read, now));
    if let Ok(read) = Expiry::from_parts(month, year, now) {
        judge_expiry(read, now);
    }
    let cvv = Cvv::parse(code).ok().inspect(|cvv| {
        assert_eq!(Some(cvv.expose_digits()), typed_digits(code).as_deref());
        assert!((3..=4).contains(&cvv.expose_digits().len()) && cvv.expose_digits().iter().all(u8::is_ascii_digit));
    });
    if let (Some(pan), Some(expires), Some(cvv)) = (pan, expires, cvv) {
        judge_card(pan, expires, cvv);
    }
}

/// A parsed number has 12 to 19 digits, the typed ones, with the check digit,
/// and reads the same however it is grouped.
pub fn judge_pan(typed: &[u8], pan: &Pan) {
    let digits = pan.expose_digits();
    assert!((12..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit));
    assert!(luhn(digits));
    assert_eq!(Some(digits), typed_digits(typed).as_deref());
    for (size, separator) in [(19, ""), (4, " "), (1, "-"), (5, " - ")] {
        let groups: Vec<&str> = digits.chunks(size).map(|group| text(group).unwrap()).collect();
        let again = Pan::parse(groups.join(separator).as_bytes());
        assert_eq!(again.ok().map(|pan| pan.expose_digits().to_vec()).as_deref(), Some(digits));
    }
}

/// A parsed expiry is a month from now on, within twenty years, and reads back
/// in every way of writing it.
pub fn judge_expiry(read: Expiry, now: Month) {
    let (month, year) = (read.month(), read.year());
    assert!((1..=12).contains(&month) && (now.year()..=now.year() + 20).contains(&year));
    assert!((year, month) >= (now.year(), now.month()));
    for written in [
        format!("{month:02}/{year}"),
        format!("{month}/{year}"),
        format!("{month:02}{year}"),
        format!("{month:02}/{:02}", year % 100),
        format!(" {month:02} - {:02} ", year % 100),
        format!("{month:02}{:02}", year % 100),
        format!("{year}-{month:02}"),
    ] {
        assert_eq!(Expiry::parse(written.as_bytes(), now), Ok(read), "{written}");
    }
    let parts = Expiry::from_parts(month.to_string().as_bytes(), year.to_string().as_bytes(), now);
    assert_eq!(parts, Ok(read));
}

/// A card's code fits its brand, and its summary shows no more than may be kept.
fn judge_card(pan: Pan, expires: Expiry, cvv: Cvv) {
    let (digits, code) = (pan.expose_digits().to_vec(), cvv.expose_digits().to_vec());
    let lengths = pan.brand().cvv_lengths();
    let Ok(card) = Card::new(pan, expires, cvv) else {
        assert!(!lengths.contains(&code.len()));
        return;
    };
    assert!(lengths.contains(&code.len()));
    let summary = serde_json::to_value(card.summary()).unwrap();
    let (number, bin) = (text(&digits).unwrap(), summary["bin"].as_str().unwrap_or_default());
    assert!(number.starts_with(bin) && number.ends_with(summary["lastFour"].as_str().unwrap()));
    assert!(number.len() - bin.len() - 4 >= 4 && !summary.to_string().contains(number), "{summary}");
}
