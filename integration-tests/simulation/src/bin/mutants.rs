//! Takes out each rule in turn and prints who notices. `mutants [--stories PROGRAM] [--units PROGRAM] [--world PROGRAM]
//! [--traces] [RULE ...]`;
//! `scripts/mutants.sh` builds the programs and hands them over.
//!
//! It fails if a rule survives.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use simulation::mutants::judges::{Judge, judge_of};
use simulation::mutants::model::{searched, walked};
use simulation::mutants::programs::Programs;
use simulation::mutants::{Noticed, Row};
use tidemark::rules::Rule;

/// How far a rule's absence is looked for at random.
const WALK_STEPS_MAX: u64 = 10_000_000;

/// How many worlds are tried without a rule.
const SEEDS: u64 = 25;

#[derive(Default)]
struct Wish {
    programs: Programs,
    traces: bool,
    rules: Vec<Rule>,
}

fn wish() -> anyhow::Result<Wish> {
    let mut wish = Wish::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut path = || arguments.next().with_context(|| format!("{argument} needs a program"));
        match argument.as_str() {
            "--stories" => wish.programs.stories = Some(path()?.into()),
            "--units" => wish.programs.units = Some(path()?.into()),
            "--world" => wish.programs.world = Some((path()?.into(), SEEDS)),
            "--traces" => wish.traces = true,
            name => wish.rules.push(Rule::named(name).with_context(|| format!("no rule is named '{name}'"))?),
        }
    }
    if wish.rules.is_empty() {
        wish.rules = Rule::ALL.to_vec();
    }
    Ok(wish)
}

fn row(rule: Rule, programs: &Programs) -> anyhow::Result<Row> {
    let mut noticed: Vec<Noticed> = Vec::new();
    match judge_of(rule) {
        Judge::Search(bounds) => {
            noticed.extend(searched(rule, bounds));
            noticed.extend(walked(rule, WALK_STEPS_MAX));
        }
        Judge::Units(filter) => noticed.extend(programs.units(rule, filter)?),
        Judge::Stories => noticed.extend(programs.stories(rule)?),
    }
    // The dearest judge is asked where the model is not.
    if noticed.is_empty() || !matches!(judge_of(rule), Judge::Search(_)) {
        noticed.extend(programs.seeds(rule)?);
    }
    if noticed.is_empty() {
        noticed.extend(programs.stories(rule)?);
    }
    Ok(Row { rule, noticed })
}

fn main() -> anyhow::Result<ExitCode> {
    let wish = wish()?;
    let mut out = std::io::stdout();
    let (mut noticed, mut survivors) = (0, 0);
    for rule in wish.rules {
        let row = row(rule, &wish.programs)?;
        let count = if row.noticed.is_empty() { &mut survivors } else { &mut noticed };
        *count += 1;
        writeln!(out, "{row}")?;
        for trace in row.noticed.iter().filter_map(|one| one.trace.as_ref()).filter(|_| wish.traces) {
            writeln!(out, "{trace}")?;
        }
    }
    writeln!(out, "{noticed} noticed, {survivors} survive")?;
    Ok(if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
