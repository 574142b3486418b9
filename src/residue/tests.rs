//! Every encoding is found where it is, once, and nothing where nothing is.

use super::plants::{SHAPES, encode};
use super::search::{Hit, search};
use super::*;

/// A card of a published range, with no low-entropy part.
const NUMBER: &[u8; 16] = b"4111117390268547";

fn needles() -> Needles {
    let mut needles = Needles::new();
    needles.add_number(17, NUMBER).unwrap();
    needles
}

fn only(bytes: &[u8], needles: &Needles) -> Finding {
    let report = scan_bytes(bytes, needles);
    assert_eq!(report.copies(), 1, "{report}");
    report.findings[0].clone()
}

fn between_noise(planted: &[u8]) -> Vec<u8> {
    [b"id=8842 \x00\xff session 0123456789012345 ".as_slice(), planted, b"\xfe\x00 tail 77"].concat()
}

#[test]
fn every_shape_is_found_and_named() {
    for shape in SHAPES {
        let planted = encode(NUMBER, shape);
        let finding = only(&between_noise(&planted), &needles());
        assert_eq!(
            (finding.encoding, finding.label, finding.secret),
            (shape.encoding, 17, Secret::Number),
            "{}",
            shape.name
        );
        assert!(finding.digits >= shape.fewest_digits && finding.digits <= 16, "{}: {finding}", shape.name);
    }
}

#[test]
fn a_wrong_digit_anywhere_leaves_only_what_is_right() {
    for place in 0..16 {
        let mut changed = *NUMBER;
        changed[place] = (changed[place] - b'0' + 5) % 10 + b'0';
        let longest = place.max(15 - place);
        let report = scan_bytes(&changed, &needles());
        assert_eq!(report.copies(), usize::from(longest >= 9), "digit {place}: {report}");
        if let Some(finding) = report.findings.first() {
            assert_eq!((finding.encoding, finding.digits), (Encoding::Fragment, longest));
        }
    }
}

#[test]
fn fragments_below_the_threshold_are_not_reported() {
    assert!(scan_bytes(&NUMBER[..8], &needles()).is_clean());
    assert_eq!(only(&NUMBER[7..], &needles()).digits, 9);
    let values: Vec<u8> = NUMBER.iter().map(|digit| digit - b'0').collect();
    assert!(scan_bytes(&[b"x", &values[..11], b"x"].concat(), &needles()).is_clean());
    assert_eq!(only(&[b"x", &values[..12], b"x"].concat(), &needles()).digits, 12);
}

#[test]
fn copies_are_counted_once_each() {
    let twice = [NUMBER.as_slice(), b", ", NUMBER].concat();
    assert_eq!(scan_bytes(&twice, &needles()).copies(), 2);
    assert_eq!(scan_bytes(&NUMBER.repeat(3), &needles()).copies(), 3, "side by side");
}

#[test]
fn a_number_inside_more_digits_is_found() {
    let inside = [b"9900".as_slice(), NUMBER, b"123"].concat();
    assert_eq!(only(&inside, &needles()).encoding, Encoding::Ascii);
}

#[test]
fn nothing_is_found_in_ordinary_data() {
    let mut state = 7_u64;
    let mut random: Vec<u8> = Vec::with_capacity(1 << 20);
    while random.len() < 1 << 20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random.extend(state.rotate_left(17).to_le_bytes());
    }
    let count: String = (0..60_000).map(|number| number.to_string()).collect();
    let zeros = vec![0; 1 << 20];
    for bytes in [random.as_slice(), count.as_bytes(), &zeros] {
        assert!(scan_bytes(bytes, &needles()).is_clean());
    }
}

#[test]
fn codes_are_found_by_their_field_or_by_themselves() {
    let mut needles = Needles::new();
    needles.add_code(3, b"407").unwrap();
    needles.add_code(4, b"5938201746").unwrap();
    let form = b"Content-Disposition: form-data; name=\"cvv\"\r\n\r\n407\r\n--x";
    let finding = only(form, &needles);
    assert_eq!((finding.label, finding.secret, finding.encoding), (3, Secret::Code, Encoding::Field));
    let provider = b"Content-Disposition: form-data; name=\"Cvv\"\r\n\r\n407\r\n--x";
    assert_eq!(only(provider, &needles).label, 3);
    assert!(scan_bytes(b"name=\"cvv\"\r\n\r\n408\r\n 407", &needles).is_clean());
    assert_eq!(only(b"the code 5938201746 is long", &needles).label, 4);
}

#[test]
fn what_cannot_be_told_from_noise_is_refused() {
    let mut needles = Needles::new();
    assert_eq!(needles.add_number(0, b"12345678"), Err(Unusable::Digits));
    assert_eq!(needles.add_number(0, b"4111 1111 1111"), Err(Unusable::Digits));
    assert_eq!(needles.add_number(0, b"4111111111111111"), Err(Unusable::Regular));
    assert_eq!(needles.add_number(0, b"0123456789012345"), Err(Unusable::Regular));
    assert_eq!(needles.add_field(0, Secret::Code, b"cvv=123"), Err(Unusable::Field));
    assert!(needles.is_empty());
}

#[test]
fn a_report_shows_no_digit_of_a_card() {
    for shape in SHAPES {
        let planted = [b"cardNumber=".as_slice(), &encode(NUMBER, shape), b"&x=99"].concat();
        let mut report = scan_bytes(&planted, &needles());
        assert!(report.findings[0].context.starts_with("cardNumber=#") || shape.encoding == Encoding::Base64);
        // Offsets and counts are digits of nobody's card.
        report.findings.iter_mut().for_each(|finding| finding.start = 0);
        let text = format!("{report:#}\n{report:?}");
        let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap();
        assert!(longest < 4, "{text}");
        assert!(
            !text
                .as_bytes()
                .windows(6)
                .any(|part| planted[11..].windows(6).any(|plain| plain == part && plain != b"######")),
            "{text}"
        );
    }
}

#[test]
fn what_crosses_the_edge_of_a_chunk_is_found_once() {
    let file = std::env::temp_dir().join(format!("vezne-residue-{}", uuid::Uuid::now_v7()));
    for shape in SHAPES {
        let planted = encode(NUMBER, shape);
        for before in [1, planted.len() / 2, planted.len() - 1, 1024, 1025] {
            let mut bytes = vec![b'.'; (1 << 20) - before];
            bytes.extend_from_slice(&planted);
            bytes.resize(2 << 20, b'.');
            std::fs::write(&file, &bytes).unwrap();
            let report = scan_file(&file, &needles()).unwrap();
            assert_eq!(report.copies(), 1, "{} at {before}: {report}", shape.name);
            assert_eq!(report.findings[0].encoding, shape.encoding, "{} at {before}", shape.name);
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn overlapping_hits_of_one_needle_are_one() {
    let hit = |needle, start, end, digits| Hit::new(needle, Encoding::Fragment, start..end, digits);
    let merged = super::search::merge(vec![hit(0, 4, 13, 9), hit(1, 0, 16, 16), hit(0, 0, 9, 9), hit(0, 13, 22, 9)]);
    let ranges: Vec<_> = merged.iter().map(|hit| (hit.needle, hit.start, hit.end)).collect();
    assert_eq!(ranges, [(1, 0, 16), (0, 13, 22)], "what lies inside another's bytes is no copy");
}

#[test]
fn a_card_that_shares_its_first_digits_is_not_found_in_another() {
    let mut needles = needles();
    needles.add_number(18, b"4111117395820646").unwrap();
    assert_eq!(only(NUMBER, &needles).label, 17);
    assert_eq!(only(b"4111117395820646", &needles).label, 18);
    assert_eq!(only(b"411111739", &needles).digits, 9, "either of them, once");
}

#[test]
fn ten_thousand_numbers_are_looked_for_as_well_as_one() {
    let mut cards = RandomCards::from_seed(1);
    let numbers: Vec<_> = (0..10_000).map(|_| cards.number()).collect();
    let mut needles = Needles::new();
    for (label, number) in numbers.iter().enumerate() {
        needles.add_number(label, number).unwrap();
    }
    let mut bytes = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        bytes.extend_from_slice(number);
        bytes.extend(std::iter::repeat_n(b'.', index % 7));
    }
    let report = search(&bytes, &needles);
    let whole = report.iter().filter(|hit| hit.digits == 16).count();
    assert_eq!(whole, 10_000);
}

#[test]
fn random_cards_are_card_numbers_of_their_ranges() {
    let mut cards = RandomCards::new().with_prefixes(&["979200", "37442755"]);
    for turn in 0..200 {
        let number = cards.number();
        assert!(crate::card::passes_luhn(&number) && number.len() == 16);
        assert!(number.starts_with(if turn % 2 == 0 { b"979200" } else { b"37442755" }));
        Needles::new().add_number(0, &number).unwrap();
    }
    assert_eq!((cards.code().len(), cards.distinctive_code().len()), (3, 10));
    assert_eq!(*RandomCards::from_seed(5).number(), *RandomCards::from_seed(5).number());
}
