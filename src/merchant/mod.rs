//! Merchants: settings, API keys, allowed addresses. Pure.
