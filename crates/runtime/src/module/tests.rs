//! Tests of reading and rewriting modules.
