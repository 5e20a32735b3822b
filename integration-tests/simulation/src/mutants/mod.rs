//! Who notices when a rule is taken out: for each rule of [`tidemark::rules`], one by one.
//!
//! - [`judges`]: who is asked about which rule
//! - [`model`]: the model, searched or walked at random; [`programs`]: stories, unit tests and whole worlds, each a program
//!   that is run without the rule
//!
//! A rule is *noticed* only if the same judge is content while the rule is in force; that is what the suites of the judges
//! themselves show.

pub mod judges;
pub mod model;
pub mod programs;

use tidemark::rules::Rule;

/// What a judge said of a rule that is out of force.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// Who noticed, and at what cost.
    pub by: String,
    /// How it came to it, if that can be told.
    pub trace: Option<String>,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The rule.
    pub rule: Rule,
    /// All who noticed, the one who is asked first before the others.
    pub noticed: Vec<Noticed>,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<27}", self.rule.name())?;
        match self.noticed.split_first() {
            Some((first, others)) => {
                write!(f, "{}", first.by)?;
                others.iter().try_for_each(|other| write!(f, "\n{:<27}{}", "", other.by))
            }
            None => write!(f, "SURVIVES: nobody notices"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidemark::rules::Rule;

    use super::judges::{Judge, judge_of};
    use super::model::searched;
    use crate::model::search::Search;

    /// Those that take a second or less.
    const QUICK: &[Rule] = &[
        Rule::OneLifeOneReign,
        Rule::MaximalIsr,
        Rule::SmallerIsrOnceWritten,
        Rule::MinIsrGate,
        Rule::HeldInThisReign,
        Rule::JoinsAtHighWatermark,
        Rule::WatermarkNeverBack,
        Rule::ElectsFromInSync,
        Rule::DurableBeforeCounted,
        Rule::ProofOfRecovery,
        Rule::FsyncProofNeedsFlush,
        Rule::EndOnceKnown,
    ];

    #[test]
    fn a_rule_that_is_taken_out_is_missed() {
        for rule in QUICK {
            let noticed = match judge_of(*rule) {
                Judge::Search(bounds) => {
                    let clean = Search { bounds, without: None, states_max: 50_000, threads: 1 }.run();
                    assert!(clean.found.is_none(), "{}: the rule in force is found at fault", rule.name());
                    searched(*rule, bounds)
                }
                other => panic!("{}: {other:?} is not quick", rule.name()),
            };
            assert!(noticed.is_some(), "nobody misses {}", rule.name());
        }
    }
}
