//! The payment provider's side: what turns a card into a token.
