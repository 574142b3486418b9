//! Where the saved cards are: bounded, in memory only, each under a code that
//! does not stay.

use super::answer::Refusal;
use super::given::{Card, Ids};
use crate::card::{Brand, Month};
use crate::saved_card::Scope;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Cards kept; the oldest makes room.
const MOST: usize = 10_000;
/// How long a code lasts.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// The customer that has saved cards from the start, where it is asked for.
pub const RETURNING_CUSTOMER: &str = "returning-customer";

/// Whose card: all three values that were given when it was saved.
#[derive(Clone, Eq, PartialEq)]
pub struct Owner {
    pub merchant: usize,
    pub scope: Scope,
    pub ids: Ids,
}

struct Kept {
    number: u64,
    owner: Owner,
    card: Card,
}

/// All saved cards, oldest first.
pub struct Shelf {
    cards: VecDeque<Kept>,
    next_number: u64,
    code_key: hmac::Key,
    started: Instant,
    changes: u64,
}

impl Shelf {
    pub fn new(code_key: hmac::Key) -> Self {
        Self { cards: VecDeque::new(), next_number: 1, code_key, started: Instant::now(), changes: 0 }
    }

    pub fn count(&self) -> usize {
        self.cards.len()
    }

    pub fn change_codes(&mut self) {
        self.changes += 1;
    }

    /// The owner's cards: those that were saved under exactly these values.
    pub fn list(&self, owner: &Owner, with_details: bool) -> Result<Value, Refusal> {
        let own = self.cards.iter().filter(|kept| kept.owner == *owner);
        let list: Vec<Value> = own.map(|kept| self.describe(kept, with_details)).collect();
        if list.is_empty() { Err(Refusal::NO_SAVED_CARD) } else { Ok(list.into()) }
    }

    pub fn save(&mut self, owner: Owner, card: Card, with_details: bool) -> Value {
        let kept = Kept { number: self.next_number, owner, card };
        self.next_number += 1;
        let described = self.describe(&kept, with_details);
        self.cards.push_back(kept);
        if self.cards.len() > MOST {
            self.cards.pop_front();
        }
        described
    }

    pub fn delete(&mut self, owner: &Owner, code: &str) -> Result<Value, Refusal> {
        if !self.cards.iter().any(|kept| kept.owner == *owner) {
            return Err(Refusal::NO_SAVED_CARD);
        }
        let found = self.cards.iter().position(|kept| kept.owner == *owner && self.code(kept) == code);
        self.cards.remove(found.ok_or(Refusal::UNIQUE_CODE)?);
        Ok(Value::Null)
    }

    /// Two cards of each scope, one of them expired.
    pub fn welcome_back(&mut self, merchant: usize) {
        for scope in Scope::ALL {
            let owner = Owner { merchant, scope, ids: Ids::one(RETURNING_CUSTOMER) };
            let cards = [("Maaş kartım", "46034500", "0000", 2040), ("Eski kartım", "55260800", "0006", 2024)];
            for (nickname, bin, last_four, year) in cards {
                let (bin, identity) = match scope {
                    Scope::Insurance => (bin, Some("10000000146".to_owned())),
                    Scope::Ecommerce => (&bin[..6], None),
                };
                // January exists in every year.
                let Some(expiry) = Month::new(year, 1) else { continue };
                let (nickname, holder_name) = (nickname.to_owned(), "Deniz Yılmaz".to_owned());
                let (bin, last_four) = (bin.to_owned(), last_four.to_owned());
                self.save(owner.clone(), Card { nickname, holder_name, bin, last_four, identity, expiry }, false);
            }
        }
    }

    /// The shape of a UUID, from the card, the time and the changes since the start.
    fn code(&self, kept: &Kept) -> String {
        let period = self.started.elapsed().as_secs() / CODE_LIFE.as_secs();
        let text = format!("{}:{period}:{}", kept.number, self.changes);
        let hex = HEXLOWER.encode(&hmac::sign(&self.code_key, text.as_bytes()).as_ref()[..16]);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn describe(&self, kept: &Kept, with_details: bool) -> Value {
        let Card { nickname, holder_name, bin, last_four, identity, expiry } = &kept.card;
        let brand = Brand::of(bin.as_bytes()).name();
        let mut card = json!({
            "Name": nickname,
            "CardBin": bin,
            "CardLastFour": last_four,
            "CardHolderName": holder_name,
            "Expired": *expiry < Month::not_over_anywhere(Timestamp::now()),
            "CardTypeId": 1,
            "CardType": "Credit",
            "Month": expiry.month(),
            "Year": expiry.year(),
            "UniqueCode": self.code(kept),
        });
        match kept.owner.scope {
            Scope::Insurance => {
                card["Scope"] = json!(2);
                card["Identity"] = json!(identity);
            }
            Scope::Ecommerce => card["CardNumber"] = json!(format!("{bin}******{last_four}")),
        }
        if with_details {
            card["Details"] = json!({ "Bin": bin, "Type": "Credit", "Brand": brand, "Bank": "Sandbox Bank" });
        }
        card
    }
}
