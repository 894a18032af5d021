//! The colour and the mark of each rule, the same in every chart and table.

use leptos::prelude::*;
use rrlab_types::Rule;

use crate::chart::Look;

/// How a rule is drawn. Families share a hue: shapes alone in blues and greys, magnitudes in green
/// and gold, repairability from red to orange. The four that are shown at first can be told apart
/// with any colour vision (after Okabe and Ito), and every mark is of one rule alone. Contrast is 3:1
/// or more on the page's light and dark ground.
pub fn rule_look(rule: Rule) -> Look {
    let (colour, outline) = match rule {
        Rule::Uniform => ("#7a828b", "M5 0A5 5 0 1 1 5 10A5 5 0 1 1 5 0Z"),
        Rule::UniformPlus => ("#8d959d", "M2.5 .5H7.5L10 5L7.5 9.5H2.5L0 5Z"),
        Rule::Er => ("#3c9bd3", "M0 0L10 5L0 10Z"),
        Rule::Erk => ("#1b7fc4", "M.5 .5H9.5V9.5H.5Z"),
        Rule::GlobalMagnitude => ("#b58900", "M0 0H10L5 10Z"),
        Rule::Lamp => ("#009e73", "M5 0L10 10H0Z"),
        Rule::Rr => ("#d55e00", "M5 0L10 5L5 10L0 5Z"),
        Rule::RrRatio => ("#c48500", "M5 0L6.3 3.6H10L7 6L8.2 10L5 7.5L1.8 10L3 6L0 3.6H3.7Z"),
        Rule::RrProportional => ("#b5483a", "M5 0L10 3.8L8.1 10H1.9L0 3.8Z"),
        Rule::ResidualOptimal => ("#7d6fc4", "M3.3 0H6.7V3.3H10V6.7H6.7V10H3.3V6.7H0V3.3H3.3Z"),
        Rule::RawOptimal => ("#c9709f", "M2 0L5 3L8 0L10 2L7 5L10 8L8 10L5 7L2 10L0 8L3 5L0 2Z"),
        Rule::Blend => ("#8c6d4f", "M0 5L10 0V10Z"),
        Rule::BlendGeometric => ("#2a9494", "M0 0H10L0 10H10Z"),
    };
    Look { colour, outline }
}

/// A rule's mark in its colour, for tables and buttons.
#[component]
pub fn RuleMark(rule: Rule) -> impl IntoView {
    let Look { colour, outline } = rule_look(rule);
    view! {
        <svg class="rule-mark" viewBox="-1 -1 12 12" aria-hidden="true">
            <path d=outline fill=colour />
        </svg>
    }
}
