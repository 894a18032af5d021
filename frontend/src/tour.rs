//! The guided tour: eight steps for someone who has never heard of RR. It drives the page itself.

use leptos::prelude::*;
use rrlab_types::{Constraint, ForcedDensity, Role, Rule, Sparsity, Target};

use crate::address;
use crate::lab::Lab;
use crate::metric::Metric;
use crate::settings::{List, Pane, Part, Shown};

/// A step: what is said, and what the page does for it.
struct Step {
    title: &'static str,
    text: &'static str,
    /// Element that it speaks of.
    at: &'static str,
    /// Whether it speaks of projections: networks without any are shown the others.
    of_projections: bool,
    show: fn(Lab),
}

/// The layer whose curves are shown: the first projection, or what comes nearest.
fn example_layer(lab: Lab) -> String {
    lab.profile.with_value(|profile| {
        let layers = profile.graph.prunable_layers();
        let of_role = |role| layers.iter().find(|layer| layer.role == role);
        let layer = of_role(Role::Projection).or_else(|| of_role(Role::Conv)).or(layers.first());
        layer.map(|layer| layer.name.to_owned()).unwrap_or_default()
    })
}

fn start(lab: Lab, rule: Rule, sparsity: f64, metric: Metric) {
    let settings = lab.settings;
    settings.shown.set(Shown::A);
    settings.a.rule.set(rule);
    settings.a.force.set(List(Vec::new()));
    settings.metric.set(metric);
    if let Ok(sparsity) = Sparsity::new(sparsity) {
        settings.a.sparsity.set(sparsity);
    }
}

const STEPS: [Step; 8] = [
    Step {
        title: "A network, layer by layer",
        text: "Every box is a layer whose weights can be removed; the image enters at the left. \
            Rounded boxes with two borders are \
               projections, small 1×1 convolutions on a shortcut. Here nothing is pruned much: half of the weights are left.",
        at: "#graph-A",
        of_projections: false,
        show: |lab| start(lab, Rule::Uniform, 0.5, Metric::Density),
    },
    Step {
        title: "What pruning breaks",
        text: "Now 95 % of the weights are gone, everywhere alike. The colour is raw distortion: \
            how far each layer's output moved, \
               relative to its size. The damage is large, and not the same everywhere.",
        at: "#graph-A",
        of_projections: false,
        show: |lab| start(lab, Rule::Uniform, 0.95, Metric::Raw),
    },
    Step {
        title: "What a cheap repair mends",
        text: "Giving each channel its old mean and variance back needs no labels and no \
            training. This is the distortion that is left: \
               some layers recover, others do not.",
        at: "#graph-A",
        of_projections: false,
        show: |lab| start(lab, Rule::Uniform, 0.95, Metric::Residual),
    },
    Step {
        title: "RR: what repair leaves of the damage",
        text: "Relative repairability divides the two. Blue layers are mended; pale ones, near 1, \
            gain nothing; orange ones are made worse. \
               Pruning hurts least where repair works.",
        at: "#graph-A",
        of_projections: false,
        show: |lab| start(lab, Rule::Uniform, 0.95, Metric::Rr),
    },
    Step {
        title: "A layer's curves",
        text: "Repairability changes with sparsity. These curves show it for one layer under \
            every repair operator; the dotted line is \
               where the allocation puts it. Least squares is the floor that no other can pass.",
        at: "#panes",
        of_projections: false,
        show: |lab| {
            start(lab, Rule::Rr, 0.95, Metric::Rr);
            lab.settings.layer.set(example_layer(lab));
            lab.settings.pane.set(Pane::Layer);
        },
    },
    Step {
        title: "Why ERK over-protects shortcuts",
        text: "ERK looks at shapes alone. It keeps the small projections nearly dense, A on the \
            left, and the large convolutions pay. On the \
               right the projections are forced to the density of the whole network: the convolutions get those weights back. Whether that \
               helps is measured, not assumed: the last table below compares accuracy after repair.",
        at: "#graph-B",
        of_projections: true,
        show: |lab| {
            let settings = lab.settings;
            start(lab, Rule::Erk, 0.95, Metric::Density);
            settings.b.rule.set(Rule::Erk);
            settings.b.sparsity.set(settings.a.sparsity.get_untracked());
            let density = ForcedDensity::Global;
            settings
                .b
                .force
                .set(List(vec![Constraint { target: Target::Role(Role::Projection), density }]));
            settings.shown.set(Shown::Both);
            settings.pane.set(Pane::Ablation);
        },
    },
    Step {
        title: "Where the transition is",
        text: "Accuracy before and after repair, for every rule. Left of the grey range any rule \
            will do, right of it none: inside it, the \
               rule decides what is left.",
        at: "#panes",
        of_projections: false,
        show: |lab| {
            start(lab, Rule::Rr, 0.95, Metric::Rr);
            lab.settings.pane.set(Pane::Sweep);
        },
    },
    Step {
        title: "Your turn",
        text: "Move the sparsity, change the rule, force a layer. The address holds all of it: \
            copy the link to show somebody what you saw.",
        at: ".controls",
        of_projections: false,
        show: |lab| {
            start(lab, Rule::Rr, 0.95, Metric::Rr);
            lab.settings.pane.set(Pane::Table);
        },
    },
];

/// The steps that a network has something to show for.
fn steps_for(lab: Lab) -> Vec<&'static Step> {
    let has_projections = lab.has_role(Role::Projection);
    STEPS.iter().filter(|step| has_projections || !step.of_projections).collect()
}

/// The tour's panel, while it runs.
#[component]
pub fn Tour(lab: Lab) -> impl IntoView {
    let settings = lab.settings;
    let heading = NodeRef::<leptos::html::H2>::new();
    let steps = StoredValue::new(steps_for(lab));
    let count = steps.with_value(Vec::len);
    let step = Memo::new(move |_| settings.tour.get().min(count));
    // What a person had set before the tour took over is theirs again if they end it early; who has
    // come to its last step goes on from there.
    let before_tour = StoredValue::new(None::<String>);
    Effect::new(move |before: Option<usize>| {
        let step = step.get();
        if step > 0 && before == Some(0) {
            before_tour.set_value(Some(untrack(|| address::query(settings))));
        }
        if let Some(now) = step.checked_sub(1).map(|index| steps.with_value(|steps| steps[index])) {
            untrack(|| (now.show)(lab));
            request_animation_frame(move || {
                spotlight(Some(now.at));
                heading.get_untracked().inspect(|heading| drop(heading.focus()));
            });
        } else if let Some(last) = before.filter(|before| *before > 0) {
            spotlight(None);
            let query = before_tour.try_update_value(Option::take).flatten();
            if let Some(query) = query.filter(|_| last < count) {
                untrack(|| address::apply(settings, &query));
                settings.tour.set(0);
            }
        }
        step
    });
    let shown = move || steps.with_value(|steps| steps[step.get().max(1) - 1]);
    view! {
        <Show when=move || { step.get() > 0 && settings.shows(Part::Tour) }>
            <div class="tour" role="dialog" aria-label="Tour"
                on:keydown=move |event: leptos::ev::KeyboardEvent| if event.key() == "Escape" { settings.tour.set(0) }>
                <p class="faint">{move || format!("{} of {count}", step.get())}</p>
                <h2 tabindex="-1" node_ref=heading>{move || shown().title}</h2>
                <p>{move || shown().text}</p>
                <div class="tools">
                    <button type="button" prop:disabled=move || step.get() <= 1
                        on:click=move |_| settings.tour.update(|step| *step -= 1)>"Back"</button>
                    <Show when=move || { step.get() < count }>
                        <button type="button" id="tour-next" class="primary"
                            on:click=move |_| settings.tour.update(|step| *step += 1)>
                            "Next"</button>
                    </Show>
                    <button type="button" id="tour-end" on:click=move |_| settings.tour.set(0)>
                        {move || if step.get() < count { "End the tour" } else { "Done" }}
                    </button>
                </div>
            </div>
        </Show>
    }
}

/// Frames the element that a step speaks of, and brings it into view.
fn spotlight(selector: Option<&str>) {
    const CLASS: &str = "spotlight";
    if let Ok(Some(old)) = document().query_selector(&format!(".{CLASS}")) {
        let _ = old.class_list().remove_1(CLASS);
    }
    let Some(element) =
        selector.and_then(|selector| document().query_selector(selector).ok().flatten())
    else {
        return;
    };
    let _ = element.class_list().add_1(CLASS);
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}
