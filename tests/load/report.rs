//! What a run prints: Markdown, so that it can go into docs/speed.md as it is.

use crate::rounds::Figures;

/// One line of a table: a name, a figure of a round, decimals.
type Line = (&'static str, fn(&Figures) -> f64, usize);

const FULL_LOAD: [Line; 6] = [
    ("journeys a second", |figures| figures.per_second, 0),
    ("journey p50, ms", |figures| figures.p50_ms, 2),
    ("journey p99, ms", |figures| figures.p99_ms, 2),
    ("CPU per journey, µs", |figures| figures.cpu_us, 0),
    ("server's core busy, %", |figures| figures.server_busy * 100.0, 0),
    ("generator's and upstream's core busy, %", |figures| figures.generator_busy * 100.0, 0),
];

const HALF_LOAD: [Line; 4] = [
    ("journeys a second, given", |figures| figures.per_second, 0),
    ("journey p50, ms", |figures| figures.p50_ms, 2),
    ("journey p99, ms", |figures| figures.p99_ms, 2),
    ("CPU per journey, µs", |figures| figures.cpu_us, 0),
];

/// As fast as each can: medians of the rounds, with the least and the most.
pub fn full_load(names: [&str; 2], figures: [&[Figures]; 2]) {
    table(names, figures, &FULL_LOAD);
}

/// At a given rate.
pub fn half_load(names: [&str; 2], figures: [&[Figures]; 2]) {
    table(names, figures, &HALF_LOAD);
    let [first, second] = figures;
    let apart = paired(first, second, |first, second| first.p99_ms - second.p99_ms);
    println!("p99 of {} minus p99 of {}: {:+.2} ms (median of the rounds' differences)", names[0], names[1], apart);
}

fn table(names: [&str; 2], figures: [&[Figures]; 2], lines: &[Line]) {
    let [first, second] = figures;
    println!("\n| | {} | {} | ratio |\n| --- | ---: | ---: | ---: |", names[0], names[1]);
    for (name, of, decimals) in lines {
        let ratio = paired(first, second, |first, second| of(first) / of(second));
        println!("| {name} | {} | {} | {ratio:.2} |", spread(first, *of, *decimals), spread(second, *of, *decimals));
    }
    println!();
}

/// `median (least to most)`
fn spread(figures: &[Figures], of: fn(&Figures) -> f64, decimals: usize) -> String {
    let values: Vec<f64> = figures.iter().map(of).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.decimals$} ({least:.decimals$} to {most:.decimals$})", median(values))
}

/// The median over rounds that were run side by side.
fn paired(first: &[Figures], second: &[Figures], compare: impl Fn(&Figures, &Figures) -> f64) -> f64 {
    median(first.iter().zip(second).map(|(first, second)| compare(first, second)).collect())
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
