//! Cargo wants a target beside the tests.
