//! Card numbers that make the sandbox misbehave, one failure each, and the
//! numbers that simply work.
//!
//! All pass the check digit and take any future expiry and any code. The first
//! nine digits of every magic number are `450803450`, `450803451`: none is in
//! the published list.

use serde::Serialize;

/// What the sandbox does with a call whose fields, signature and nonce are right.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(into = "&'static str")]
pub enum Behaviour {
    /// A token.
    Succeed,
    /// A token, with the flag spelled `isSucceed` as sister gateways do.
    SucceedSisterSpelling,
    /// A business refusal.
    Refuse,
    /// A business refusal whose message holds HTML.
    RefuseWithHtml,
    /// A business refusal for lack of funds.
    RefuseInsufficientFunds,
    /// A business refusal whose message holds the card number.
    RefuseEchoingCard,
    /// `0009` to a conversation's first call, then a token.
    StaleOnce,
    /// `0009` to every call.
    StaleAlways,
    /// `0001`.
    MerchantInvalid,
    /// A token after 30 seconds.
    Stall,
    /// HTTP 500 with an HTML body.
    ServerError,
    /// HTTP 200 with JSON that is cut off.
    MalformedBody,
    /// A token under another call's signature.
    WrongSignature,
    /// A token for another conversation.
    WrongConversation,
    /// Success without a token.
    EmptyToken,
    /// The connection ends without an answer.
    Drop,
    /// HTTP 302 to another address of the sandbox.
    Redirect,
    /// A right answer of two megabytes.
    Oversized,
}

impl Behaviour {
    /// The name in journals, logs and lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeed => "succeed",
            Self::SucceedSisterSpelling => "succeed_sister_spelling",
            Self::Refuse => "refuse",
            Self::RefuseWithHtml => "refuse_with_html",
            Self::RefuseInsufficientFunds => "refuse_insufficient_funds",
            Self::RefuseEchoingCard => "refuse_echoing_card",
            Self::StaleOnce => "stale_once",
            Self::StaleAlways => "stale_always",
            Self::MerchantInvalid => "merchant_invalid",
            Self::Stall => "stall",
            Self::ServerError => "server_error",
            Self::MalformedBody => "malformed_body",
            Self::WrongSignature => "wrong_signature",
            Self::WrongConversation => "wrong_conversation",
            Self::EmptyToken => "empty_token",
            Self::Drop => "drop",
            Self::Redirect => "redirect",
            Self::Oversized => "oversized",
        }
    }
}

impl From<Behaviour> for &'static str {
    fn from(behaviour: Behaviour) -> Self {
        behaviour.name()
    }
}

/// A card number and what it is for.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxCard {
    /// What it does.
    pub behaviour: Behaviour,
    /// A name for people.
    pub name: &'static str,
    /// One line more.
    pub description: &'static str,
    /// Digits only. No real card has this number.
    pub number: &'static str,
}

/// The failure drills.
pub const MAGIC_CARDS: [SandboxCard; 17] = [
    card(Behaviour::Refuse, "4508034501000002", "Refused", "Business refusal 0057."),
    card(Behaviour::RefuseWithHtml, "4508034502000001", "Refused with HTML", "Refusal 0058; its message holds markup."),
    card(Behaviour::RefuseInsufficientFunds, "4508034503000000", "Insufficient funds", "Business refusal 0051."),
    card(Behaviour::RefuseEchoingCard, "4508034504000009", "Echo", "Refusal 0057 whose message holds the card number."),
    card(Behaviour::StaleOnce, "4508034505000008", "Stale once", "0009 to a conversation's first call, then a token."),
    card(Behaviour::StaleAlways, "4508034506000007", "Stale", "0009 to every call."),
    card(
        Behaviour::MerchantInvalid,
        "4508034507000006",
        "Merchant invalid",
        "0001: the merchant's set-up is at fault.",
    ),
    card(Behaviour::Stall, "4508034508000005", "Stall", "A token after 30 seconds."),
    card(Behaviour::ServerError, "4508034509000004", "Server error", "HTTP 500 with an HTML body."),
    card(Behaviour::MalformedBody, "4508034510000001", "Malformed body", "HTTP 200 with JSON that is cut off."),
    card(Behaviour::WrongSignature, "4508034511000000", "Wrong signature", "A token under another call's signature."),
    card(Behaviour::WrongConversation, "4508034512000009", "Wrong conversation", "A token for another conversation."),
    card(Behaviour::EmptyToken, "4508034513000008", "Empty token", "Success without a token."),
    card(Behaviour::Drop, "4508034514000007", "Dropped connection", "The connection ends without an answer."),
    card(Behaviour::Redirect, "4508034515000006", "Redirect", "HTTP 302 to another address of the sandbox."),
    card(Behaviour::Oversized, "4508034516000005", "Oversized", "A right answer of two megabytes."),
    card(
        Behaviour::SucceedSisterSpelling,
        "4508034517000004",
        "Sister spelling",
        "A token, with the flag spelled isSucceed.",
    ),
];

/// The test cards that the gateways of this protocol publish, and the number
/// of the protocol's example (11/40, code 313).
pub const TEST_CARDS: [SandboxCard; 16] = [
    good("4355093000777068", "Visa", "The protocol's example: 11/40, code 313."),
    good("4603450000000000", "Visa", "Credit."),
    good("4766620000000001", "Visa debit", "Debit."),
    good("4987490000000002", "Visa debit", "Debit."),
    good("4475050000000003", "Visa debit", "Debit."),
    good("5526080000000006", "Mastercard", "Credit."),
    good("5311570000000005", "Mastercard", "Credit."),
    good("5400360000000003", "Mastercard", "Credit."),
    good("5528790000000008", "Mastercard", "Credit."),
    good("5890040000000016", "Mastercard debit", "Debit."),
    good("5170410000000004", "Mastercard debit", "Debit."),
    good("9792072000017956", "Troy", "Credit."),
    good("9792030000000000", "Troy", "Credit."),
    good("9792023757123604", "Troy debit", "Debit."),
    good("9792020000000001", "Troy debit", "Debit."),
    good("374427000000003", "American Express", "Fifteen digits, a code of four."),
];

/// What a number makes the sandbox do.
#[must_use]
pub fn behaviour(number: &[u8]) -> Behaviour {
    MAGIC_CARDS.iter().find(|card| card.number.as_bytes() == number).map_or(Behaviour::Succeed, |card| card.behaviour)
}

const fn card(
    behaviour: Behaviour,
    number: &'static str,
    name: &'static str,
    description: &'static str,
) -> SandboxCard {
    SandboxCard { behaviour, name, description, number }
}

const fn good(number: &'static str, name: &'static str, description: &'static str) -> SandboxCard {
    card(Behaviour::Succeed, number, name, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Pan;
    use std::collections::HashSet;

    #[test]
    fn every_number_is_a_card_number_and_listed_once() {
        let cards = || MAGIC_CARDS.iter().chain(&TEST_CARDS);
        for card in cards() {
            assert!(Pan::parse(card.number.as_bytes()).is_ok(), "{}", card.number);
        }
        assert_eq!(cards().map(|card| card.number).collect::<HashSet<_>>().len(), 33);
    }

    #[test]
    fn each_drill_has_one_number_and_good_cards_have_none() {
        for card in MAGIC_CARDS {
            assert_eq!(behaviour(card.number.as_bytes()), card.behaviour);
            assert_ne!(card.behaviour, Behaviour::Succeed);
        }
        for card in TEST_CARDS {
            assert_eq!(behaviour(card.number.as_bytes()), Behaviour::Succeed);
        }
    }
}
