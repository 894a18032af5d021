//! What the numbers of a sweep are of, in words: network, profile, images, seeds, device and program.

use rrlab_types::SweepDraws;

use crate::output::percent;

/// What the numbers are of.
pub fn provenance(draws: &SweepDraws) -> String {
    let (plan, origin) = (&draws.first().plan, &draws.first().origin);
    let short = |hash: Option<String>| hash.unwrap_or_else(|| "not named".into());
    let mut profiles: Vec<String> = Vec::new();
    for report in draws.reports() {
        let profile = short(report.origin.profile_hash.map(|hash| hash.short()));
        if !profiles.contains(&profile) {
            profiles.push(profile);
        }
    }
    let profile = if profiles.len() == 1 { "profile" } else { "profiles" };
    let forced: Vec<String> = plan.constraints.iter().map(|forced| format!("`{forced}`")).collect();
    let forced =
        if forced.is_empty() { String::new() } else { format!(" Forced: {}.", forced.join(", ")) };
    format!(
        "Network {}, {profile} {}. Dense: {} on {} test images drawn with seed {}, chance {}; {}. \
         Repaired from {} training images{} without labels{}{},\n\
         judged on {} others. Computed on {} by {}.{}{forced}",
        short(origin.model_hash.map(|hash| hash.short())),
        profiles.join(", "),
        percent(draws.first().dense_accuracy),
        plan.evaluation_images,
        plan.seed_of_evaluation(),
        percent(draws.first().chance()),
        largest_error(draws),
        plan.calibration_images,
        origin.calibration_dataset_in_words(),
        plan.calibration_class_in_words(),
        plan.distillation_in_words(),
        plan.judge_images,
        origin.device,
        origin.program,
        seeds(draws, profiles.len() == 1),
    )
}

/// Of a binomial, where there is one draw; else the largest that was found.
fn largest_error(draws: &SweepDraws) -> String {
    let error = match draws.reports() {
        [report] => Some(report.standard_error(0.5)),
        _ => draws.largest_standard_error(),
    };
    match error {
        Some(error) => format!("one\nstandard error is at most {:.1} points", 100.0 * error),
        None => "standard\nerrors are not known".into(),
    }
}

/// Of several draws, which they are, and whether all are by one profile.
fn seeds(draws: &SweepDraws, by_one_profile: bool) -> String {
    let count = draws.reports().len();
    if count == 1 {
        return String::new();
    }
    let left_out = if by_one_profile {
        "\nAll budgets are by one profile: what another would change is not in it."
    } else {
        ""
    };
    format!(
        "\nMeans of {count} draws of calibration images, with seeds {}; ± is a standard error, of draws\n\
         and test images together.{left_out}",
        draws.seeds()
    )
}
