//! The page's terms, explained where they stand: on hover or focus, with their formulas.

use leptos::prelude::*;
use rrlab_types::glossary;

/// A term that explains itself on hover and focus.
#[component]
pub fn Term(
    /// One of [`glossary::ENTRIES`].
    name: &'static str,
    /// What is written; the term itself where nothing is given.
    #[prop(optional)]
    text: Option<&'static str>,
) -> impl IntoView {
    let entry = glossary::entry(name);
    let written = text.unwrap_or(name);
    entry.map_or_else(
        || view! { <span>{written}</span> }.into_any(),
        |entry| {
            view! {
                <span class="term" tabindex="0" aria-label=format!("{written}: {} {}", entry.meaning, entry.formula)>
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
