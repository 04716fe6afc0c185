//! What the tests of decisions share: how a case is written down, and how a file of cases is checked.

pub mod cases;
pub mod given;
