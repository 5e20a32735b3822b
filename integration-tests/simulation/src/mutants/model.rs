//! The model as a judge.

use tidemark::rules::Rule;

use super::Noticed;
use crate::model::bounds::Bounds;
use crate::model::search::Search;
use crate::model::trace::tell;
use crate::model::walk::walk;

/// More states than any rule has needed.
const STATES_MAX: u64 = 2_000_000;

/// Searches for the shortest history that a rule's absence spoils. One thread, so that the figures are the same each time.
#[must_use]
pub fn searched(rule: Rule, bounds: Bounds) -> Option<Noticed> {
    let report = Search { bounds, without: Some(rule), states_max: STATES_MAX, threads: 1 }.run();
    let found = report.found.as_ref()?;
    let by = format!(
        "model: {} steps, the fewest; {} states, {:.1} s",
        found.steps.len(),
        report.states,
        report.took.as_secs_f64()
    );
    Some(Noticed { by, trace: Some(tell(&bounds, Some(rule), found)) })
}

/// Walks at random until a history is spoilt.
#[must_use]
pub fn walked(rule: Rule, steps_max: u64) -> Option<Noticed> {
    let walked = walk(0..u64::MAX, Some(rule), steps_max);
    let (seed, bounds, found) = walked.found.as_ref()?;
    let by = format!(
        "model, at random: seed {seed} after {} steps, {} of them needed; {:.1} s",
        walked.steps,
        found.steps.len(),
        walked.took.as_secs_f64()
    );
    Some(Noticed { by, trace: Some(tell(bounds, Some(rule), found)) })
}
