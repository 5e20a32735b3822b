//! The table that the benchmark prints: each figure beside its floor, as a ratio of two figures of one round.

use crate::arguments::Plan;
use crate::figures::{Figures, Table, Taken};

/// One line of the table.
struct Row {
    case: &'static str,
    unit: &'static str,
    scale: f64,
    ours: &'static str,
    floor: &'static str,
    /// The least ratio wanted; zero if none is.
    goal: f64,
    /// Which figure holds the processor time.
    cpu: &'static str,
}

const ROWS: [Row; 6] = [
    row("NDJSON 1 KiB in 1 MiB bodies, flush=os", "MB/s", "produce_os", "floor_os", 0.40, "cpu_os"),
    row("NDJSON 1 KiB in 1 MiB bodies, flush=ack", "MB/s", "produce_ack", "floor_ack", 0.40, "cpu_ack"),
    row("raw batches read back", "MB/s", "read", "floor_os", 0.60, "cpu_read"),
    row("the same, against sendfile to a socket", "MB/s", "read", "floor_read", 0.0, ""),
    row("200-byte posts, 64 connections, flush=os", "1/s", "posts_os", "floor_posts", 0.25, "cpu_posts_os"),
    row(
        "200-byte posts, 64 connections, flush=ack",
        "1/s",
        "posts_ack",
        "floor_posts",
        0.25,
        "cpu_posts_ack",
    ),
];

const fn row(
    case: &'static str,
    unit: &'static str,
    ours: &'static str,
    floor: &'static str,
    goal: f64,
    cpu: &'static str,
) -> Row {
    let scale = if matches!(unit.as_bytes(), b"MB/s") { 1e-6 } else { 1.0 };
    Row { case, unit, scale, ours, floor, goal, cpu }
}

/// The table of all that was taken.
pub(crate) fn table(taken: &Taken, plan: &Plan) -> String {
    let mut table =
        Table::new(&["case", "unit", "tidemark", "floor", "ratio", "goal", "broker CPU, s/GB or us/post"]);
    for row in &ROWS {
        let (ours, floor) = (taken.figures(row.ours), taken.figures(row.floor));
        if ours.is_empty() || floor.is_empty() {
            continue;
        }
        let ratio = ours.over(&floor);
        let verdict = match row.goal {
            0.0 => String::new(),
            goal if ratio.median() >= goal => format!("{goal:.2} met"),
            goal => format!("{goal:.2} missed"),
        };
        table.row(vec![
            row.case.to_owned(),
            row.unit.to_owned(),
            format!("{:.0}", ours.times(row.scale)),
            format!("{:.0}", floor.times(row.scale)),
            format!("{ratio:.2}"),
            verdict,
            if row.cpu.is_empty() { String::new() } else { format!("{:.1}", taken.figures(row.cpu)) },
        ]);
    }
    let mut text = format!(
        "\nThree brokers, three replicas, six partitions, acks=all; {} rounds of {:?}: median (least..most)\n\n{table}\n",
        plan.rounds, plan.span
    );
    let line = |figures: [&str; 2], render: &dyn Fn(Figures, Figures) -> String| {
        let [one, other] = figures.map(|name| taken.figures(name));
        if one.is_empty() { String::new() } else { render(one, other) + "\n" }
    };
    text += &line(["p50_ms", "p99_ms"], &|p50, p99| {
        let verdict = if p99.median() < 10.0 { "met" } else { "missed" };
        format!("1,000 posts/s, flush=ack: p50 {p50:.2} ms, p99 {p99:.2} ms; goal p99 under 10 ms: {verdict}")
    });
    text += &line(["idle_resident", "idle_cpu"], &|resident, cpu| {
        format!("idle broker: {resident:.0} MiB resident, {cpu:.2} % of a core")
    });
    text += &line(["resident", ""], &|resident, _| format!("broker after load: {resident:.0} MiB resident"));
    text += &line(["floor_cpu", ""], &|cpu, _| {
        format!("the bulk floor itself: {cpu:.1} CPU s/GB for client, leaders and followers together")
    });
    text
}
