//! What policies admit and deny: readable cases (`*.txt`), properties over random policies and manifests, and what no manifest can say.

#[path = "../common/cases.rs"]
mod cases;
mod files;
mod given;
mod properties;
mod tricks;

use given::Given;

#[test]
fn cases_come_to_the_expected_verdicts() {
    cases::check("policy", 90, cases::updates(), |case| {
        let given = Given::parse(&case.given)?;
        let mut sections = vec![("verdict", given.judged().to_string())];
        let limits = given.limits();
        if !limits.is_empty() {
            sections.push(("limits", limits));
        }
        Ok(sections)
    });
}
