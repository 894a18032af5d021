//! The dialog that shows a figure as it will be printed, and saves it.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Blob;

use super::binding;
use super::content::Figure;
use super::latex::latex;
use super::width::FigureWidth;
use crate::choices::choices;
use crate::clipboard;
use crate::controls::{Select, labelled};
use crate::export;
use crate::problem::thrown;

choices! {
    /// A kind of file that a figure is saved as, named as names of its files end.
    Format {
        Svg = "svg", "SVG";
        Pdf = "pdf", "PDF";
        Png = "png", "PNG";
    }
}

/// A figure as it will be printed, its caption and its commands, to be copied and saved.
#[component]
pub fn FigureDialog(figure: Figure, is_open: RwSignal<bool>) -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    Effect::new(move |_| {
        if let Some(dialog) = dialog.get().filter(|dialog| !dialog.open()) {
            let _ = dialog.show_modal();
        }
    });
    let width = RwSignal::new(FigureWidth::Column);
    let (drawing, problem) = (RwSignal::new(None::<String>), RwSignal::new(String::new()));
    Effect::new(move |_| draw(figure, width, drawing, problem));
    let source = figure.source.run(());
    let caption = format!("{}. {}", figure.title.get_untracked(), source.words);
    let commands = source.commands;
    let for_latex = {
        let (caption, commands) = (caption.clone(), commands.clone());
        let file = file_name(figure, Format::Pdf);
        Signal::derive(move || latex(&file, &caption, &commands, width.get()))
    };
    let save_button = move |format: Format| {
        view! {
            <button type="button" disabled=move || drawing.with(Option::is_none)
                on:click=move |_| save(figure, (format, width.get_untracked()), drawing, problem)>{format.label()}</button>
        }
    };
    let preview = move || {
        drawing.get().map(|svg| {
            let source = format!("data:image/svg+xml,{}", js_sys::encode_uri_component(&svg));
            view! { <img alt=figure.title.get_untracked() src=source /> }
        })
    };
    view! {
        <dialog class="panel figure-dialog" node_ref=dialog aria-label="Figure"
            on:close=move |_| is_open.set(false)>
            <div class="pane-head">
                <label class="inline"><span>"Width"</span>
                    <Select id="figure-width" value=width set=width.write_only()
                        choices=labelled(FigureWidth::ALL, FigureWidth::label) /></label>
                <span class="tools" role="group" aria-label="Save as">
                    {Format::ALL.iter().copied().map(save_button).collect_view()}</span>
                <button type="button" on:click=move |_| close(dialog)>"Close"</button>
            </div>
            <Show when=move || problem.with(|problem| !problem.is_empty())>
                <p class="problem" role="alert">{problem}</p></Show>
            <div class="paper" tabindex="0" role="group" aria-label="As it will be printed">{preview}</div>
            <CopiedText id="figure-caption" label="Caption" text=caption />
            <CopiedText id="figure-commands" label="What computes it (model.safetensors stands for the network’s file)"
                text=commands.join("\n") />
            <CopiedText id="figure-latex" label="For LaTeX, with the PDF" text=for_latex />
        </dialog>
    }
}

/// As Escape does: the browser gives the keyboard's attention back to what opened it.
fn close(dialog: NodeRef<leptos::html::Dialog>) {
    if let Some(dialog) = dialog.get_untracked() {
        dialog.close();
    }
}

/// A text to be copied.
#[component]
fn CopiedText(
    id: &'static str,
    label: &'static str,
    #[prop(into)] text: Signal<String>,
) -> impl IntoView {
    let notice = RwSignal::new("");
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            let is_copied = clipboard::copy(&text.get_untracked()).await;
            notice.set(if is_copied { "copied" } else { "the browser refused; mark and copy it" });
        });
    };
    view! {
        <div class="copied">
            <label for=id>{label}</label>
            <span><span role="status" class="faint">{notice}</span>" "
                <button type="button" on:click=copy>"Copy"</button></span>
            <textarea id=id readonly=true rows="4">{text}</textarea>
        </div>
    }
}

fn file_name(figure: Figure, format: Format) -> String {
    figure.name.with_value(|name| export::file_name(figure.lab, name, &format.to_string()))
}

/// Draws for the chosen width; what is no longer asked for by then is dropped.
fn draw(
    figure: Figure,
    chosen: RwSignal<FigureWidth>,
    drawing: RwSignal<Option<String>>,
    problem: RwSignal<String>,
) {
    let width = chosen.get();
    drawing.set(None);
    problem.set(String::new());
    let description = export::description(figure.lab);
    leptos::task::spawn_local(async move {
        let drawn = async {
            binding::load_fonts().await?;
            let svg = figure.draw.run(width).await?;
            binding::finished(&svg, width.millimetres(), &description).await
        };
        let drawn = drawn.await;
        if chosen.try_get_untracked() != Some(width) {
            return;
        }
        match drawn {
            Ok(svg) => drawing.set(svg.as_string()),
            Err(error) => problem.set(said(&error)),
        }
    });
}

fn save(
    figure: Figure,
    (format, width): (Format, FigureWidth),
    drawing: RwSignal<Option<String>>,
    problem: RwSignal<String>,
) {
    let Some(svg) = drawing.get_untracked() else { return };
    let name = file_name(figure, format);
    let (title, description) = (figure.title.get_untracked(), export::description(figure.lab));
    leptos::task::spawn_local(async move {
        let made = match format {
            Format::Svg => return export::save_text(&name, &svg, "image/svg+xml"),
            Format::Pdf => binding::pdf(&svg, &title, &description).await,
            Format::Png => binding::png(&svg, width.pixels()).await,
        };
        match made.map(JsCast::unchecked_into::<Blob>) {
            Ok(blob) => export::save_blob(&name, &blob),
            Err(error) => _ = problem.try_set(said(&error)),
        }
    });
}

/// Why there is no figure.
fn said(error: &JsValue) -> String {
    format!("The figure can’t be made: {}.", thrown(error))
}
