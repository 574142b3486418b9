//! Long numbers in other systems' words: `known \n text`.

use super::input::{lines, text};
use super::numbers::stretches;
use vezne::provider::{ProviderMessage, holds_foreign_run, mask_runs};

const LEAST: usize = 12;

/// Masks, cleans and searches a text.
pub fn check(data: &[u8]) {
    let ([known], said) = lines(data);
    let ascii = |runs: &[u8]| stretches(&String::from_utf8_lossy(runs), |letter| letter.is_ascii_digit(), " -");
    let long = ascii(said).into_iter().find(|run| run.len() >= LEAST);
    assert_eq!(holds_foreign_run(said, b"", LEAST), long.is_some(), "{long:?}");
    assert!(!holds_foreign_run(said, said, LEAST), "what is known is not foreign");
    if holds_foreign_run(said, known, LEAST) {
        assert!(long.is_some());
    }
    let Some(said) = text(said) else { return };
    let masked = mask_runs(said, LEAST);
    assert_eq!(masked.chars().count(), said.chars().count());
    for (before, after) in said.chars().zip(masked.chars()) {
        assert!(before == after || (after == '*' && before.is_numeric()), "{before} became {after}");
    }
    assert!(stretches(&masked, char::is_numeric, " \u{a0}-").iter().all(|run| run.chars().count() < LEAST), "{masked}");
    assert_eq!(mask_runs(&masked, LEAST), masked, "masked twice");
    if let Some(message) = ProviderMessage::clean(said) {
        assert_eq!(ProviderMessage::clean(message.as_str()), Some(message.clone()), "cleaned twice");
    }
}
