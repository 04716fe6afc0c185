//! Images.

use wharf::engine::{Engine, EngineError};
use wharf::model::reference::ImageReference;

use crate::bench::Bench;

/// Nothing listens on port 1, and `.invalid` never resolves: no registry has this.
fn unknown() -> ImageReference {
    "127.0.0.1:1/wharf/none:1".parse().expect("a valid reference")
}

pub async fn an_image_has_an_id_or_is_missing<B: Bench>(bench: &B) {
    let id = bench.engine().image(&bench.image()).await.expect("asked");
    assert!(id.is_some_and(|id| !id.is_empty()));
    assert_eq!(bench.engine().image(&unknown()).await.expect("asked"), None);
}

pub async fn an_unknown_image_is_a_registry_error<B: Bench>(bench: &B) {
    let error = bench.engine().pull(&unknown(), &|_| {}).await.expect_err("there is no such registry");
    assert!(matches!(error, EngineError::Registry { .. }), "{error:?}");
}
