//! Notes panics of the thread that plays, wherever they are caught.

use std::cell::RefCell;
use std::panic;

thread_local! {
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics are noted, and printed unless that is to be quiet.
pub fn note_all(quietly: bool) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        NOTED.with_borrow_mut(|noted| {
            noted.get_or_insert_with(|| info.to_string());
        });
        if !quietly {
            before(info);
        }
    }));
}

/// What has been noted since the last time.
pub fn take() -> Option<String> {
    NOTED.with_borrow_mut(Option::take)
}
