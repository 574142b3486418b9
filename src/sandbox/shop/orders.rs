//! The shop's orders, in memory and bounded.

use super::verify::{Card, SessionResult};
use crate::sandbox::recent::RecentSet;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

const MAX_ORDERS: usize = 1000;
const MAX_CALLBACKS: usize = 10_000;

/// One order, named by its conversation id.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The window's session, once there is one.
    pub session: Option<String>,
    /// Its page, for the shop's page that has it in a frame.
    pub session_url: Option<String>,
    /// What the customer came back with.
    pub result: Option<Outcome>,
    /// What the callback said.
    pub callback: Option<Outcome>,
    /// What browsers kept the card page from, by directive.
    pub violations: Vec<String>,
}

/// How a session ended, as far as an order needs it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub status: String,
    pub card_token: Option<String>,
    pub brand: Option<String>,
    pub last_four: Option<String>,
}

impl From<SessionResult> for Outcome {
    fn from(result: SessionResult) -> Self {
        let (brand, last_four) = result.card.map(|Card { brand, last_four }| (brand, last_four)).unzip();
        Self { status: result.status, card_token: result.card_token, brand, last_four }
    }
}

/// All orders; the oldest makes room.
pub struct Orders {
    ages: VecDeque<String>,
    by_conversation: HashMap<String, Order>,
    callbacks: RecentSet<String>,
}

impl Default for Orders {
    fn default() -> Self {
        Self { ages: VecDeque::new(), by_conversation: HashMap::new(), callbacks: RecentSet::new(MAX_CALLBACKS) }
    }
}

impl Orders {
    /// Adds an order.
    pub fn add(&mut self, conversation_id: String, session: String, session_url: String) {
        let order = Order { session: Some(session), session_url: Some(session_url), ..Order::default() };
        self.by_conversation.insert(conversation_id.clone(), order);
        self.ages.push_back(conversation_id);
        if self.ages.len() > MAX_ORDERS
            && let Some(oldest) = self.ages.pop_front()
        {
            self.by_conversation.remove(&oldest);
        }
    }

    /// An order.
    pub fn find(&self, conversation_id: &str) -> Option<&Order> {
        self.by_conversation.get(conversation_id)
    }

    /// Notes what the customer came back with.
    pub fn returned(&mut self, conversation_id: &str, outcome: Outcome) {
        if let Some(order) = self.by_conversation.get_mut(conversation_id) {
            order.result = Some(outcome);
        }
    }

    /// Notes that a browser kept the card page from something, once for each directive.
    pub fn page_violated(&mut self, conversation_id: &str, directive: &str) {
        if let Some(order) = self.by_conversation.get_mut(conversation_id)
            && !order.violations.iter().any(|known| known == directive)
        {
            order.violations.push(directive.to_owned());
        }
    }

    /// Notes a callback once, however often it is delivered.
    pub fn called_back(&mut self, webhook_id: &str, conversation_id: &str, outcome: Outcome) {
        if !self.callbacks.insert(webhook_id.to_owned()) {
            return;
        }
        if let Some(order) = self.by_conversation.get_mut(conversation_id) {
            order.callback = Some(outcome);
        }
    }
}
