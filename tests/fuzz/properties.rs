//! Properties over generated values: how a good form may come, what becomes of a
//! damaged one, and that what is signed or sealed bears no change.
//!
//! The number of cases and the seed are fixed: a run on one machine is the run on
//! every other. Fuzzing looks further (`run.sh`).

use super::targets::{card, intake, multipart};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngAlgorithm, RngSeed};
use std::path::Path;
use vezne::card::{Expiry, Month, Pan};
use vezne::config::{Config, Environment};
use vezne::hardening::{MasterKey, MasterKeys, SealContext, Sealed, Sealer};
use vezne::intake::{Form, FormFault, MAX_BODY, read_card};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
const CONTENT_TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW";
const PREFIXES: [&str; 8] = ["4", "5526", "9792", "37", "6011", "36", "5018", "1"];

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(20_261_122),
        ..ProptestConfig::default()
    }
}

fn november() -> Month {
    Month::new(2026, 11).unwrap()
}

/// What a cardholder types.
#[derive(Clone, Debug)]
struct Typed {
    number: String,
    expiry: String,
    cvv: String,
}

/// A good number of any brand and length, with its check digit.
fn number() -> impl Strategy<Value = String> {
    (select(&PREFIXES[..]), vec(0..10_u8, 18), 12..=19_usize).prop_map(|(prefix, digits, length)| {
        let mut number = prefix.to_owned();
        number.extend(digits.iter().map(|digit| char::from(b'0' + digit)));
        number.truncate(length - 1);
        let check = (b'0'..=b'9').find(|&check| {
            let whole: Vec<u8> = number.bytes().chain([check]).collect();
            super::targets::numbers::luhn(&whole)
        });
        number.push(char::from(check.unwrap()));
        number
    })
}

fn typed() -> impl Strategy<Value = Typed> {
    (number(), 1..=12_u8, 27..=46_u16, "[0-9]{4}").prop_map(|(number, month, year, code)| {
        let length = vezne::card::Brand::of(number.as_bytes()).cvv_lengths()[0];
        Typed { number, expiry: format!("{month:02}/{year}"), cvv: code[..length].to_owned() }
    })
}

/// The form as Chromium sends it.
fn encode(typed: &Typed) -> Vec<u8> {
    let fields =
        [("formToken", "token"), ("cardNumber", &typed.number), ("expiry", &typed.expiry), ("cvv", &typed.cvv)];
    let part =
        |(name, value)| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    fields.map(part).concat().into_bytes().into_iter().chain(format!("--{BOUNDARY}--\r\n").into_bytes()).collect()
}

fn holds(form: &Form, typed: &Typed) -> bool {
    let card = read_card(form, november()).ok();
    card.is_some_and(|card| {
        let expiry = format!("{:02}/{:02}", card.expiry().month(), card.expiry().year() % 100);
        card.pan().expose_digits() == typed.number.as_bytes()
            && card.cvv().expose_digits() == typed.cvv.as_bytes()
            && expiry == typed.expiry
    })
}

/// One way to damage a body.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, Index),
    Insert(Index, Vec<u8>),
    Repeat(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), 1..=255_u8).prop_map(|(place, bits)| Damage::Flip(place, bits)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Damage::Cut(one, other)),
        (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        any::<Index>().prop_map(Damage::Repeat),
    ]
}

impl Damage {
    fn done_to(&self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        match self {
            Self::Flip(place, bits) => {
                let place = place.index(body.len());
                body[place] ^= bits;
            }
            Self::Cut(one, other) => {
                let (one, other) = (one.index(body.len()), other.index(body.len()));
                drop(body.drain(one.min(other)..one.max(other)));
            }
            Self::Insert(place, bytes) => {
                let place = place.index(body.len());
                drop(body.splice(place..place, bytes.iter().copied()));
            }
            Self::Repeat(which) => {
                let delimiter = format!("--{BOUNDARY}");
                let starts: Vec<usize> =
                    (0..body.len()).filter(|&at| body[at..].starts_with(delimiter.as_bytes())).collect();
                if let [starts @ .., _] = starts.as_slice()
                    && !starts.is_empty()
                {
                    let start = starts[which.index(starts.len())];
                    let end = start + 1 + multipart::find(&body[start + 1..], delimiter.as_bytes()).unwrap_or(0);
                    let part = body[start..end].to_vec();
                    drop(body.splice(start..start, part));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_form_reads_the_same_however_it_is_cut(typed in typed(), cuts in vec(any::<u8>(), 0..12)) {
        let form = intake::read(CONTENT_TYPE, &encode(&typed), &cuts);
        prop_assert!(form.is_ok_and(|form| holds(&form, &typed)));
    }

    #[test]
    fn a_number_reads_the_same_however_it_is_grouped(
        number in number(),
        gaps in vec(select(&["", " ", "-", "  ", " - ", "\u{202f}", "\u{200f}", "\u{2011}"][..]), 20),
        zero in select(&['0', '٠', '۰', '０'][..]),
    ) {
        let digit = |digit: char| char::from_u32(u32::from(zero) + digit.to_digit(10).unwrap()).unwrap();
        let written: String = number.chars().zip(&gaps).flat_map(|(one, gap)| gap.chars().chain([digit(one)])).collect();
        let pan = Pan::parse(written.as_bytes());
        prop_assert!(pan.as_ref().is_ok_and(|pan| pan.expose_digits() == number.as_bytes()), "{written:?}");
        card::judge_pan(written.as_bytes(), &pan.unwrap());
    }

    #[test]
    fn an_expiry_reads_back(month in 1..=12_u8, year in 2020..=2060_u16, now_month in 1..=12_u8, now_year in 2024..=2040_u16) {
        let now = Month::new(now_year, now_month).unwrap();
        let date = Expiry::parse(format!("{month}/{year}").as_bytes(), now);
        let fits = (year, month) >= (now_year, now_month) && year <= now_year + 20;
        prop_assert_eq!(date.is_ok(), fits);
        if let Ok(date) = date {
            card::judge_expiry(date, now);
        }
    }
}

proptest! {
    #![proptest_config(cases(4096))]

    /// Read in bounds, never a panic; and what is still accepted is what stands
    /// in the body. The target asserts it.
    #[test]
    fn a_damaged_form_is_refused_or_still_a_form(
        typed in typed(),
        damages in vec(damage(), 1..4),
        cuts in vec(any::<u8>(), 0..6),
    ) {
        let mut body = encode(&typed);
        for damage in &damages {
            damage.done_to(&mut body);
        }
        let cuts: Vec<u8> = cuts.into_iter().filter(|&cut| cut != b'\n').collect();
        intake::check(&[CONTENT_TYPE.as_bytes(), b"\n", &cuts, b"\n", &body].concat());
    }
}

/// Bounds hold whatever a sender has to offer: the reader stops, it does not wait for the end.
#[test]
fn a_body_without_end_is_left_at_the_bound() {
    let start = encode(&Typed { number: "4355093000777068".into(), expiry: "11/40".into(), cvv: "313".into() });
    let endless =
        |filling: &[u8]| [&start[..start.len() - 4], &filling.repeat(MAX_BODY * 100 / filling.len())].concat();
    let part = format!("\r\nContent-Disposition: form-data; name=\"cvv\"\r\n\r\n1\r\n--{BOUNDARY}");
    for filling in [b"-".as_slice(), b"\r\n", b"\r\nX: y", part.as_bytes()] {
        // `read` itself asserts how much is taken.
        assert!(intake::read(CONTENT_TYPE, &endless(filling), &[255]).is_err());
    }
}

/// What stands behind the first closing delimiter is no part of the form, and no form has it.
#[test]
fn nothing_follows_the_end_of_a_form() {
    let form = encode(&Typed { number: "4355093000777068".into(), expiry: "11/40".into(), cvv: "313".into() });
    let end = format!("--{BOUNDARY}--\r\n");
    let behind = [form.clone(), b"x".to_vec(), format!("more\r\n{end}").into_bytes(), end.into_bytes()];
    for cuts in [[0_u8].as_slice(), &[1], &[64], &[255]] {
        assert!(intake::read(CONTENT_TYPE, &form, cuts).is_ok(), "{cuts:?}");
        for behind in &behind {
            let fault = intake::read(CONTENT_TYPE, &[form.clone(), behind.clone()].concat(), cuts).err();
            assert_eq!(fault, Some(FormFault::Malformed), "{cuts:?}");
        }
    }
}

const ROW: SealContext<'_> = SealContext { record: "ses_1", field: "card_token" };

fn sealer() -> Sealer {
    let key = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    MasterKeys::from(key).sealer().unwrap()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_sealed_text_opens_unchanged_only(secret in ".{0,64}", place in any::<Index>(), bits in 1..=255_u8, cut in any::<Index>()) {
        let sealer = sealer();
        let sealed = sealer.seal(ROW, &secret).unwrap();
        let opened = sealer.open(ROW, &sealed);
        prop_assert!(opened.is_ok_and(|text| text.expose() == secret));
        let mut changed = sealed.as_bytes().to_vec();
        let place = place.index(changed.len());
        changed[place] ^= bits;
        prop_assert!(sealer.open(ROW, &Sealed::from_bytes(changed)).is_err(), "byte {}", place);
        let cut = sealed.as_bytes()[..cut.index(sealed.as_bytes().len())].to_vec();
        prop_assert!(sealer.open(ROW, &Sealed::from_bytes(cut)).is_err());
        let longer = [sealed.as_bytes(), &[bits]].concat();
        prop_assert!(sealer.open(ROW, &Sealed::from_bytes(longer)).is_err());
    }

    /// The target changes a field and a byte of what was signed, and verifies.
    #[test]
    fn a_signed_result_bears_no_change(
        id in "[^\\p{C}\n]{1,64}",
        token in "[!-~]{0,80}",
        key in vec(any::<u8>().prop_filter("a line", |&byte| byte != b'\n'), 1..40),
        metadata in "[^\n]{0,80}",
        change in vec(any::<u8>(), 3..20),
    ) {
        let input = [id.as_bytes(), b"\n", token.as_bytes(), b"\n", &key, b"\n", metadata.as_bytes(), b"\n", &change];
        super::targets::webhook::check(&input.concat());
    }

    #[test]
    fn a_form_token_opens_its_session_alone(place in any::<u8>(), bits in 1..=255_u8, length in any::<u8>(), age in any::<i16>()) {
        let [high, low] = age.to_be_bytes();
        super::targets::tokens::check(&[b'm', place, bits, length, high, low]);
        super::targets::tokens::check(&[b'm', place, 0, 255, high, low]);
    }
}

const SECRET: &str = "c2VjcmV0LW9mLTMyLWJ5dGVz";

/// A line of a configuration, right or wrong; the secret is never a key.
fn config_line() -> impl Strategy<Value = String> {
    let key = select(
        &[
            "live",
            "locale",
            "[server]",
            "server.listen",
            "listen",
            "public_url",
            "[keys]",
            "master_key_file",
            "[lgo]",
            "x",
        ][..],
    );
    let value = select(
        &["true", "1", "'tr'", "['a', 1]", "{}", "\"", "[", "'https://u:@SECRET@@x'", "'@SECRET@'", "@SECRET@"][..],
    );
    (key, select(&[" = ", ".a = ", "", "=="][..]), value, select(&["", "\n", "\n", "\n", "\r\n"][..]))
        .prop_map(|(key, between, value, end)| format!("{key}{between}{value}{end}"))
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn any_configuration_is_read_or_reported_without_its_values(
        lines in vec(config_line(), 0..12),
        variable in select(&["VEZNE_LIVE", "VEZNE_SERVER__PUBLIC_URL", "VEZNE_KEYS", "VEZNE_X"][..]),
    ) {
        let text = lines.concat();
        super::targets::config::check(format!("{text}\0{variable}=@SECRET@").as_bytes());
    }

    #[test]
    fn any_text_is_a_configuration_or_a_report(text in "(?s).{0,200}") {
        let read = Config::from_str(&text, &Environment::new(), Path::new("/nowhere"));
        prop_assert!(read.is_err_and(|mistakes| !mistakes.list().is_empty() && !mistakes.to_string().contains(SECRET)));
    }
}
