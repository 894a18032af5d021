//! Figures for papers: what a person saves, and what goes with it.

use serde_json::json;

use super::*;

/// Opens the dialog of the first figure inside an element of this class, and waits for its drawing.
async fn open_figure(page: &Browser, inside: &str) {
    page.click_button(inside, "Figure").await;
    page.wait_until("return document.querySelector('.figure-dialog .paper img')?.complete").await;
}

/// Has the figure drawn over both columns.
async fn widen(page: &Browser) {
    page.set("#figure-width", "page", "change").await;
    page.wait_until(
        "return document.querySelector('.figure-dialog .paper img')?.src.includes('174mm')",
    )
    .await;
}

/// The drawing in the dialog, saved as SVG.
async fn saved_svg(page: &Browser) -> String {
    page.click_button("figure-dialog", "SVG").await;
    String::from_utf8(page.downloaded(".svg").await.1).unwrap()
}

/// What stands in a field of the dialog.
async fn field(page: &Browser, id: &str) -> String {
    let value = page.run("return document.querySelector(arguments[0]).value", &[json!(id)]).await;
    value.as_str().unwrap().to_owned()
}

/// Whether a PDF's page is so wide, in points, and has both fonts inside.
fn is_page_of(pdf: &[u8], width: f64, fonts: usize) -> bool {
    let text: String = pdf.iter().map(|&byte| char::from(byte)).collect();
    let beside = text.split("/MediaBox [0 0 ").nth(1).unwrap();
    let found: f64 = beside.split(' ').next().unwrap().parse().unwrap();
    text.starts_with("%PDF-")
        && (found - width).abs() < 0.1
        && text.matches("/FontFile2").count() == fonts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_is_a_figure_of_a_columns_width_with_fonts_caption_and_commands() {
    let page = Browser::open().await;
    page.goto("?rule=erk&sparsity=0.9&force=projection=dense").await;
    open_figure(&page, "graph-head").await;
    assert_eq!(page.serious().await, json!([]));
    page.screenshot("figure-graph.png").await;
    let column = saved_svg(&page).await;
    for part in
        ["width=\"84mm\"", "@font-face", "layer3.2.conv2", "configuration", "fill=\"#ffffff\""]
    {
        assert!(column.contains(part), "{part}");
    }
    // What only a browser understands is resolved.
    assert!(!column.contains("var(--"));
    page.click_button("figure-dialog", "PDF").await;
    let (name, pdf) = page.downloaded(".pdf").await;
    assert!(name.starts_with("resnet20-graph-A-"), "{name}");
    assert!(is_page_of(&pdf, 84.0 / 25.4 * 72.0, 2));
    page.click_button("figure-dialog", "PNG").await;
    let (_, picture) = page.downloaded(".png").await;
    let picture = image::load_from_memory(&picture).unwrap();
    assert_eq!(picture.width(), 1270);

    let profile =
        ModelProfile::from_json(&std::fs::read_to_string(bundled_profile()).unwrap()).unwrap();
    let network = profile.model_hash.unwrap().short();
    let caption = field(&page, "#figure-caption").await;
    assert!(
        caption.starts_with("Layer graph under ERK (capped) at 0.9") && caption.contains(&network),
        "{caption}"
    );
    let commands = field(&page, "#figure-commands").await;
    let mut lines = commands.lines();
    assert_eq!(lines.next(), Some(profile.command("model.safetensors", "profile.json").as_str()));
    assert_eq!(
        lines.next(),
        Some(
            "rrlab allocate --profile profile.json --rule erk --sparsity 0.9 --force projection=dense"
        )
    );
    let latex = field(&page, "#figure-latex").await;
    assert!(
        latex.contains(&name) && latex.contains(r"\includegraphics[width=\columnwidth]"),
        "{latex}"
    );
    assert!(latex.contains(&format!("% {}", profile.command("model.safetensors", "profile.json"))));

    // Wider, and laid out anew: more of its boxes stand in a row.
    widen(&page).await;
    let wide = saved_svg(&page).await;
    let height = |svg: &str| -> f64 {
        svg.split("height=\"").nth(1).unwrap().split("mm").next().unwrap().parse().unwrap()
    };
    assert!(height(&wide) < height(&column), "{} {}", height(&wide), height(&column));
    assert!(field(&page, "#figure-latex").await.contains(r"\begin{figure*}"));
    page.screenshot("figure-graph-wide.png").await;
    page.click_button("figure-dialog", "Close").await;
    page.wait_until("return !document.querySelector('.figure-dialog')").await;
    // The keyboard goes on where it was.
    let focused = "return document.activeElement.textContent";
    assert_eq!(page.run(focused, &[]).await, json!("Figure"));
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_of_projections_are_in_figures_too_and_what_no_font_has_is_refused() {
    let page = Browser::open().await;
    page.goto("?pane=compare").await;
    page.wait_for("[data-chart=compare] svg").await;
    open_figure(&page, "chart-figure").await;
    // A column has no room for every name.
    widen(&page).await;
    assert!(saved_svg(&page).await.contains("◊ layer2.0.shortcut.0"));
    page.click_button("figure-dialog", "PDF").await;
    assert!(is_page_of(&page.downloaded(".pdf").await.1, 174.0 / 25.4 * 72.0, 1));
    page.click_button("figure-dialog", "Close").await;

    // A network whose layers are named in letters that the font lacks.
    let profile = std::fs::read_to_string(bundled_profile()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("named.json");
    std::fs::write(&named, profile.replace("layer3.2.conv2", "слой")).unwrap();
    page.choose_file(&named).await;
    page.wait_until("return document.querySelector('#graph-A').textContent.includes('слой')").await;
    page.wait_for("[data-chart=compare] svg").await;
    open_figure(&page, "chart-figure").await;
    widen(&page).await;
    page.click_button("figure-dialog", "PDF").await;
    page.wait_until("return document.querySelector('.figure-dialog [role=alert]')?.textContent.includes('has no с л о й')").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweeps_chart_is_a_figure_that_says_which_sweep_it_is() {
    let page = Browser::open().await;
    page.goto("?theme=dark&pane=sweep").await;
    // Of the sweep of every rule, which may come after the others.
    let expected = ["uniform", "ERK (capped)", "global magnitude", "LAMP", "RR"];
    page.wait_for_lines("sweep", &expected).await;
    open_figure(&page, "chart-figure").await;
    page.screenshot("figure-sweep.png").await;
    let chart = saved_svg(&page).await;
    assert!(chart.contains("LAMP") && !chart.contains("residual-optimal"));
    // As on paper, whatever the page's colours.
    assert!(chart.contains("Open Sans") && chart.contains("#1c2126"));
    page.click_button("figure-dialog", "PDF").await;
    assert!(is_page_of(&page.downloaded(".pdf").await.1, 84.0 / 25.4 * 72.0, 1));
    let sweep = bundled_sweep();
    assert_eq!(
        field(&page, "#figure-commands").await,
        sweep.command("model.safetensors", "sweep.json").unwrap()
    );
    let caption = field(&page, "#figure-caption").await;
    assert!(caption.contains("test images; repaired from"), "{caption}");
    page.close().await;
}
