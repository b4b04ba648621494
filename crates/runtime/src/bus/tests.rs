//! The bus against a naive model, and its limits.
