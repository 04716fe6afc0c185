//! When an item of a batch has come about, and when it will not.

use wharf::batch::{Standing, standing};
use wharf::model::batch::Verb;

use crate::told::told;

/// One line each: what was asked for, what is told (see `told`), and where that is. `-` tells nothing at all, `old` what was told before.
const TABLE: &str = "
    start    ready reconciled running               reached
    start    exited                                 underway
    start    created                                underway
    start    held exited                            it is held
    start    failed exited                          the summary
    start    retry                                  Network: no such image
    start    no-project                             not as declared
    start    no-image                               not as declared
    start    rejected                               not as declared
    start    ready running retry                    reached
    start    -                                      the workspace is gone
    start    ready running old                      underway

    restart  ready reconciled running               reached
    restart  ready reconciled running restarting    underway
    restart  exited restarting                      underway
    restart  retry restarting                       Network: no such image
    restart  -                                      the workspace is gone

    stop     reconciled exited                      reached
    stop     reconciled created                     reached
    stop     reconciled                             reached
    stop     reconciled running                     underway
    stop     reconciled paused                      underway
    stop     exited                                 underway
    stop     running held                           it is held
    stop     ready running reconciled old           underway

    sync     reconciled exited                      reached
    sync     reconciled running                     reached
    sync     running                                underway
    sync     no-project                             not as declared
    sync     reconciled held                        reached

    resume   reconciled ready running               reached
    resume   exited                                 underway
    resume   failed exited                          the summary

    delete   -                                      reached
    delete   reconciled ready running               underway
    delete   exited held                            it is held
    delete   exited retry                           Network: no such image
    delete   no-project                             underway
    delete   running old                            underway
";

#[test]
fn what_is_told_says_where_it_stands() {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut count = 0;
    for line in lines {
        let (verb, rest) = line.split_once(' ').expect("a verb");
        let (words, expected) = rest.trim().split_once("  ").expect("what is told and where that is");
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb).expect("a known verb");
        let passes = if words.ends_with("old") { 3 } else { 4 };
        let look = (words != "-").then(|| told(words, passes));
        let expected = match expected.trim() {
            "reached" => Standing::Reached,
            "underway" => Standing::Underway,
            why => Standing::Failed(why.to_owned()),
        };
        assert_eq!(standing(verb, look.as_ref(), 3), expected, "{line}");
        count += 1;
    }
    assert_eq!(count, 39, "every line was read");
}
