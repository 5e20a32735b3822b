//! Figures of several rounds, and the table that shows them.

use std::collections::BTreeMap;
use std::fmt;

/// One figure, once for each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

/// All that was taken, by name.
#[derive(Debug, Default)]
pub(crate) struct Taken(BTreeMap<&'static str, Figures>);

impl Taken {
    /// Adds a round's figure and shows it at once, so that a long run can be watched.
    #[expect(clippy::print_stderr, reason = "progress, beside the table on standard output")]
    pub(crate) fn note(&mut self, name: &'static str, figure: f64) {
        eprintln!("  {name:<16} {figure:>16.2}");
        self.0.entry(name).or_default().push(figure);
    }

    /// The figures of one name; empty if there are none.
    pub(crate) fn figures(&self, name: &str) -> Figures {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

impl Figures {
    /// Whether nothing was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a round's figure.
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// This over another, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }

    /// Each multiplied.
    pub(crate) fn times(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|figure| figure * factor).collect())
    }

    /// The middle one; not a number if there is none.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn spread(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    }
}

impl fmt::Display for Figures {
    /// `median (least..most)`, with as many decimals as the format asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(0);
        let (least, most) = self.spread();
        write!(f, "{:.decimals$} ({least:.decimals$}..{most:.decimals$})", self.median())
    }
}

/// A table in Markdown whose columns line up.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|column| (*column).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for (n, row) in self.rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if n == 0 {
                for width in &widths {
                    write!(f, "|{}", "-".repeat(width + 2))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_round() {
        let (mut one, mut other) = (Figures::default(), Figures::default());
        for (a, b) in [(1.0, 2.0), (30.0, 20.0), (4.0, 4.0)] {
            one.push(a);
            other.push(b);
        }
        let ratio = one.over(&other);
        assert_eq!(format!("{ratio:.1}"), "1.0 (0.5..1.5)");
    }
}
