//! Loss and accuracy of the latest training.

use leptos::prelude::*;

use super::session::Session;
use crate::chart::{Axis, AxisScale, Chart, ChartSpec, Series};

/// The charts, once a step is done.
#[component]
pub fn TrainingCharts(session: Session) -> impl IntoView {
    let (settings, training) = (session.settings, session.training);
    let has_steps = move || training.with(|training| !training.losses.is_empty());
    let epochs = || Axis::new("epoch", AxisScale::Linear);
    let losses = Signal::derive(move || {
        let loss_axis = Axis { min: Some(0.0), ..Axis::new("loss", AxisScale::Linear) };
        let points = training.with(|training| training.losses.clone());
        ChartSpec::new(epochs(), loss_axis, vec![Series::line("loss of each step", points)])
    });
    let accuracies = Signal::derive(move || {
        let accuracy_axis = Axis::new("accuracy", AxisScale::Percent).between(0.0, 1.0);
        let points = training.with(|training| training.accuracies.clone());
        ChartSpec::new(epochs(), accuracy_axis, vec![Series::line("accuracy", points)])
    });
    let loss_title = Signal::derive(|| "Loss while training".to_owned());
    let accuracy_title = Signal::derive(move || {
        format!("Accuracy on {} test images", training.with(|training| training.test_images))
    });
    view! {
        <Show when=has_steps>
            <div class="charts" id="course">
                <Chart settings name="loss" title=loss_title spec=losses height=200 />
                <Chart settings name="accuracy" title=accuracy_title spec=accuracies height=200 />
            </div>
        </Show>
    }
}
