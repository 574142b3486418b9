//! The ways an outcome reaches the merchant.
