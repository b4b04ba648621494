//! Writes `spec/abi.md`: the call table as a document.
