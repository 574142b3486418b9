//! Client of the card-token service (docs/protocols/card-token.md).
