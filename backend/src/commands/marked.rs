//! Accuracies in Markdown, marked by how they stand among the rules.

use rrlab_types::{DrawnEntries, SIGNIFICANCE, Standing, SweepDraws};

/// In percent, with the standard error of a mean over draws.
pub fn points(draws: &SweepDraws, entry: &DrawnEntries<'_>) -> String {
    let mut points = format!("{:.1}", 100.0 * entry.accuracy());
    // Of one draw it is said once for all, above the tables.
    if let (2.., Some(error)) = (draws.reports().len(), entry.standard_error()) {
        points += &format!(" ± {:.1}", 100.0 * error);
    }
    points
}

/// In percent, with its mark.
pub fn accuracy(draws: &SweepDraws, entry: &DrawnEntries<'_>) -> String {
    let points = points(draws, entry);
    match draws.standing(entry) {
        Standing::Leads => format!("**{points}**"),
        Standing::WithinNoise => format!("= {points}"),
        Standing::Behind | Standing::Alone | Standing::Unknown => points,
    }
}

/// What the marks mean, in lines of their own.
pub fn legend(draws: &SweepDraws) -> String {
    let test = match draws.reports().len() {
        1 => "McNemar's test on the same images",
        _ => "Student's t over draws and test images, the same for all rules",
    };
    format!(
        "**Bold** leads every other rule beyond noise ({test},\n\
         p < {SIGNIFICANCE}); = is the most accurate, or can't be told apart from it."
    )
}
