//! Tests of the machines: answers in, requests out.
