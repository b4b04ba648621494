//! What a node takes.
