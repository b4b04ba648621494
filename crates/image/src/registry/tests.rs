//! What is parsed of that which registries say. The machines are tested from outside: `tests/registry`.

mod parsing;
