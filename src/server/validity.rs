//! When a certificate is over: the one date that is read of it (RFC 5280
//! section 4.1.2.5), from its DER.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of an X.509 certificate; `None` of bytes that are none.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(outer, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields, VERSION)?.1;
    }
    // Serial number, signature's algorithm, issuer.
    for _ in 0..3 {
        fields = element(fields, *fields.first()?)?.1;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, not_after) = element(validity, *validity.first()?)?;
    let kind = *not_after.first()?;
    time(kind, element(not_after, kind)?.0)
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (found == tag).then_some((content, rest))
}

/// `YYMMDDHHMMSSZ`, or the same with four digits of the year.
fn time(kind: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let digits = match kind {
        // Two digits stand for 1950 to 2049.
        UTC_TIME => format!("{}{text}", if text.as_bytes().first()? >= &b'5' { "19" } else { "20" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let digits = digits.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let part = |from: usize, to: usize| digits[from..to].parse::<i8>().ok();
    let year = digits[..4].parse().ok()?;
    let date = DateTime::new(year, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_writings_of_a_time_are_read() {
        let read = |kind, text: &str| time(kind, text.as_bytes()).map(|time| time.to_string());
        assert_eq!(read(UTC_TIME, "261122051530Z").as_deref(), Some("2026-11-22T05:15:30Z"));
        assert_eq!(read(UTC_TIME, "490101000000Z").as_deref(), Some("2049-01-01T00:00:00Z"));
        assert_eq!(read(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(read(GENERALIZED_TIME, "40960101000000Z").as_deref(), Some("4096-01-01T00:00:00Z"));
        for text in ["", "261122051530", "2611220515Z", "269922051530Z", "2611220515é0Z"] {
            assert_eq!(read(UTC_TIME, text), None, "{text}");
        }
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn a_certificate_is_over_when_it_says() {
        let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, over) in [(2031, "2031-02-03T00:00:00Z"), (2055, "2055-02-03T00:00:00Z")] {
            wanted.not_after = rcgen::date_time_ymd(year, 2, 3);
            let der = wanted.self_signed(&key).unwrap().der().to_vec();
            assert_eq!(not_after(&der).map(|time| time.to_string()).as_deref(), Some(over));
            for end in [0, 1, 20, 100] {
                assert_eq!(not_after(&der[..end]), None, "cut at {end}");
            }
        }
    }
}
