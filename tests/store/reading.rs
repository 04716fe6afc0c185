//! Looking while another process writes.

use wharf::store::Store;

use crate::support::{name, temp};
use crate::writer::{WORKSPACES, Writer};

#[test]
fn a_store_is_read_while_another_process_writes_it() {
    let dir = temp();
    assert!(Store::read_copy(&dir.path().join("nowhere")).expect("no store is no error").is_none());
    let mut writer = Writer::start(dir.path());
    let mut acknowledged = 0;
    while acknowledged < 60 {
        acknowledged = writer.next_acknowledged().expect("the child writes");
    }
    for _ in 0..10 {
        let records = Store::read_copy(dir.path()).expect("a copy is read").expect("there is a store");
        assert_eq!(records.len(), 2 * usize::try_from(WORKSPACES).expect("few"));
        let newest = records.values().map(|record| record.generation).max().unwrap_or(0);
        assert!(newest >= acknowledged, "the copy has what was acknowledged before it was made");
        for of in 0..WORKSPACES {
            let generation = |side: &str| records[&name(&format!("{side}-{of}"))].generation;
            assert_eq!(generation("left"), generation("right"));
        }
    }
    let before = acknowledged;
    acknowledged = writer.next_acknowledged().expect("the child writes on");
    assert!(acknowledged > before);
}
