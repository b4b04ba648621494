//! A fleet under test.
