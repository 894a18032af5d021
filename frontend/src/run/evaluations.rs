//! What allocations lost, and what repair brought back.

use leptos::prelude::*;
use rrlab_types::{Repair, SweepReport};

use super::results::LoadedNetwork;
use super::session::Session;
use crate::format::percent;

/// Accuracy of A, B and whatever else was evaluated of the network, before and after repair.
#[component]
pub fn Evaluations(session: Session) -> impl IntoView {
    let network =
        move || session.network.with(|network| network.as_ref().map(LoadedNetwork::title));
    let rows = move || session.evaluated.with(|reports| reports.iter().map(row).collect_view());
    view! {
        <Show when=move || session.evaluated.with(|evaluated| !evaluated.is_empty())>
            <div class="table">
                <table id="evaluated">
                    <caption>{network}</caption>
                    <thead><tr>
                        <th scope="col">"allocation"</th><th scope="col">"pruned"</th>
                        <th scope="col">"repaired"</th><th scope="col">"by"</th>
                        <th scope="col">"dense"</th><th scope="col">"test images"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </Show>
    }
}

/// The row of a sweep of one point.
fn row(report: &SweepReport) -> impl IntoView + use<> {
    let plan = &report.plan;
    let (rule, sparsity) = (plan.rules[0], plan.sparsities[0]);
    let repair = plan.repairs.last().copied().unwrap_or(Repair::None);
    let accuracy = |repair| match report.entry(rule, sparsity, repair) {
        Some(entry) => percent(entry.accuracy),
        None => "…".to_owned(),
    };
    view! {
        <tr>
            <th scope="row">{plan.allocation(rule, sparsity)}</th>
            <td>{accuracy(Repair::None)}</td>
            <td>{accuracy(repair)}</td>
            <td class="text">{repair.label()}</td>
            <td>{percent(report.dense_accuracy)}</td>
            <td>{plan.evaluation_images}</td>
        </tr>
    }
}
