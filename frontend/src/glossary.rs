//! Every term of the page, explained where it stands: on hover or focus, with its formula.

use leptos::prelude::*;

/// A term, what it means, and its formula where it has one.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub term: &'static str,
    pub meaning: &'static str,
    /// How it is computed; empty where there is no formula.
    pub formula: &'static str,
}

/// Every term that the page explains.
pub const ENTRIES: [Entry; 14] = [
    Entry {
        term: "RR",
        meaning: "Relative repairability: the part of a layer's damage that a cheap repair \
            leaves. Near 0 the repair undoes it, at 1 it does nothing, above 1 it makes the \
            output worse.",
        formula: "RR = Σ R / Σ D over the layer's channels",
    },
    Entry {
        term: "raw distortion",
        meaning: "How far pruning alone moves a layer's output, on the same dense input, relative \
            to the output's size.",
        formula: "D = E[(y − ŷ)²], over E[y²]",
    },
    Entry {
        term: "residual distortion",
        meaning: "What is left of the distortion after the repair operator.",
        formula: "R = E[(y − a·ŷ − b)²], over E[y²]",
    },
    Entry {
        term: "repair operator",
        meaning: "A map of each channel after a pruned layer, computed from means and variances \
            alone; variance matching gives the channel its old mean and variance back.",
        formula: "ŷ → a·ŷ + b, with a = √(v/v̂), b = μ − a·μ̂",
    },
    Entry {
        term: "sparsity",
        meaning: "The fraction of all prunable weights that is removed.",
        formula: "s = 1 − d",
    },
    Entry {
        term: "density",
        meaning: "The fraction of a layer's weights that is kept.",
        formula: "d = kept / weights",
    },
    Entry {
        term: "budget",
        meaning: "All weights that may stay, over all layers together. Every rule keeps exactly \
            this many.",
        formula: "B = round((1 − s)·N)",
    },
    Entry {
        term: "rule",
        meaning: "What shares the budget out over the layers: by shape (uniform, ERK), by weights \
            (LAMP, global magnitude) or by what was measured (RR and its kin).",
        formula: "",
    },
    Entry {
        term: "ERK",
        meaning: "Erdős–Rényi kernel: density by the shape of the weight, cut off at dense. Small \
            1×1 projections get much of it.",
        formula: "d ∝ (in + out + kh + kw) / (in·out·kh·kw)",
    },
    Entry {
        term: "projection",
        meaning: "A 1×1 convolution on a residual shortcut where the shape changes. Few weights, \
            but all of the shortcut's signal.",
        formula: "",
    },
    Entry {
        term: "capped",
        meaning: "The rule wanted more than all of the layer's weights; it is dense, and the rest \
            goes to the others.",
        formula: "d = min(1, τ·score)",
    },
    Entry {
        term: "recovery",
        meaning: "Accuracy after repair between chance (0) and the dense network's (1).",
        formula: "(accuracy − chance) / (dense − chance)",
    },
    Entry {
        term: "recoverability transition",
        meaning: "The range of sparsity over which recovery falls from 0.8 to 0.2: before it any \
            rule will do, after it none; inside it the rule decides.",
        formula: "",
    },
    Entry {
        term: "share",
        meaning: "How much of a residual block's output variance comes from the branch, or the \
            shortcut, that the layer is on.",
        formula: "ω = share^β",
    },
];

/// A term that explains itself on hover and focus.
#[component]
pub fn Term(
    /// One of [`ENTRIES`].
    name: &'static str,
    /// What is written; the term itself where nothing is given.
    #[prop(optional)]
    text: Option<&'static str>,
) -> impl IntoView {
    let entry = ENTRIES.iter().find(|entry| entry.term == name);
    let written = text.unwrap_or(name);
    entry.map_or_else(
        || view! { <span>{written}</span> }.into_any(),
        |entry| {
            view! {
                <span class="term" tabindex="0"
                    aria-label=format!("{written}: {} {}", entry.meaning, entry.formula)>
                    {written}
                    <span class="tip" aria-hidden="true">
                        {entry.meaning}
                        {(!entry.formula.is_empty()).then(|| view! { <code>{entry.formula}</code> })}
                    </span>
                </span>
            }
            .into_any()
        },
    )
}
