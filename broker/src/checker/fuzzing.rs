//! Any bytes as a history. Tests only.

use super::{Checker, Event, Reader, Report, Unreadable, check};

/// Reads `data` as a history, and judges it.
///
/// # Panics
/// If a history that was taken is judged otherwise once it was written and read again, or by its events alone.
pub fn histories(data: &[u8]) {
    let Ok((events, report)) = judge(data) else { return };
    let counted: u64 = report.found.values().sum();
    assert!(report.anomalies.len() as u64 <= counted, "more is shown than was found: {report}");
    assert_eq!(report.to_string().contains("no anomaly\n"), report.is_clean(), "{report}");
    let mut text = Vec::new();
    for event in &events {
        serde_json::to_writer(&mut text, event).expect("an event that was read can be written");
        text.push(b'\n');
    }
    let again = judge(&text).unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&text)));
    assert_eq!(again.0, events, "written, and read as something else");
    // Empty lines are gone, so that the lines are those of the events.
    assert_eq!(again.1, check(&events).expect("the same events"), "judged otherwise");
    assert_eq!(again.1.found, report.found, "the same anomalies");
}

fn judge(data: &[u8]) -> Result<(Vec<Event>, Report), Unreadable> {
    let (mut checker, mut events) = (Checker::default(), Vec::new());
    for event in Reader::new(data) {
        let (line, event) = event?;
        checker.observe(line, event.clone())?;
        events.push(event);
    }
    Ok((events, checker.finish()?))
}
