//! The integration tests of the facade, one binary.

mod published;
