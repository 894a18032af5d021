//! The main views, as pictures that somebody looked at.

use rrlab_tests::pictures::check_view;

use super::*;

/// Waits until nothing moves: two pictures, one after the other, are the same.
async fn still_picture(page: &Browser) -> Vec<u8> {
    let mut before = page.picture().await;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = page.picture().await;
        if now == before {
            return now;
        }
        before = now;
    }
}

/// Has the page written in the font of figures, which is the same on every machine.
const ONE_FONT: &str = "const done = arguments[arguments.length - 1]; const style = document.createElement('style');\
     style.textContent = `* { font-family: 'Open Sans' !important; caret-color: transparent !important; }`;\
     const faces = [['Regular', '400'], ['Semibold', '600']].map(([name, weight]) => \
         new FontFace('Open Sans', `url(vendor/OpenSans-${name}.ttf)`, { weight }).load());\
     Promise.all(faces).then(faces => { for (const face of faces) document.fonts.add(face); document.head.append(style); done(true); }, \
     error => done(String(error)));";

/// Whether all sweeps of the first exhibit have come, and what follows from them.
const ALL_IS_THERE: &str = "const sweeps = document.querySelector('#sweep'); \
     return document.querySelector('#readout-A').textContent.includes(' test images') && (!sweeps || sweeps.options.length === 10)";

/// A state of the page, and what of it is looked at.
struct View {
    name: &'static str,
    query: &'static str,
    /// Something that is there when it is drawn.
    waits_for: &'static str,
    /// What is clicked then, and waited for once more.
    opens: Option<(&'static str, &'static str)>,
    /// What is brought into view.
    shows: &'static str,
}

impl View {
    const fn of_pane(name: &'static str, query: &'static str, waits_for: &'static str) -> Self {
        Self { name, query, waits_for, opens: None, shows: "#panes" }
    }
}

const VIEWS: [View; 9] = [
    View { name: "first", query: "", waits_for: ".graph .rr-curve", opens: None, shows: "body" },
    View {
        name: "figure",
        query: "&sparsity=0.9",
        waits_for: ".graph .rr-curve",
        opens: Some((".graph-head [aria-haspopup=dialog]", ".figure-dialog .paper img")),
        shows: "body",
    },
    View {
        name: "story",
        query: "&story=tour&step=4",
        // It is framed, and the page scrolled to it.
        waits_for: ".spotlight",
        opens: None,
        shows: "body",
    },
    View::of_pane("layer", "&pane=layer&layer=layer2.0.shortcut.0", "[data-chart=rules] svg path"),
    View::of_pane("sweep", "&pane=sweep", "[data-chart=sweep] svg path"),
    View::of_pane("ablation", "&pane=ablation&sparsity=0.9", "#verdict li"),
    View::of_pane("compare", "&pane=compare&shown=both", "[data-chart=compare] svg path"),
    View::of_pane("table", "&pane=table", "#layers"),
    View::of_pane(
        "networks",
        "&pane=networks&other=chenyaofo-resnet20-cifar10",
        "[data-chart=networks-density] svg path",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_main_views_look_as_they_did() {
    // Pictures are of one browser.
    if Kind::asked() != Kind::Chromium {
        return;
    }
    let mut problems = Vec::new();
    for (size, theme, windows) in [((1500, 1000), "light", "wide"), ((390, 844), "dark", "narrow")]
    {
        let page = Browser::open_sized(size).await;
        for View { name, query, waits_for, opens, shows } in VIEWS {
            page.goto(&format!("?theme={theme}{query}")).await;
            page.wait_for(waits_for).await;
            page.wait_until(ALL_IS_THERE).await;
            if let Some((button, opened)) = opens {
                page.click(button).await;
                page.wait_for(opened).await;
            }
            assert_eq!(page.run_until_done(ONE_FONT).await, json!(true));
            page.run("document.querySelector(arguments[0]).scrollIntoView()", &[json!(shows)])
                .await;
            let picture = still_picture(&page).await;
            problems.extend(check_view(&format!("{name}-{windows}"), &picture).err());
        }
        page.close().await;
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
