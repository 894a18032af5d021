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

/// What is waited for, and what is brought into view.
struct View {
    name: &'static str,
    query: &'static str,
    waits_for: &'static str,
    shows: &'static str,
}

const VIEWS: [View; 7] = [
    View { name: "first", query: "", waits_for: ".graph .rr-curve", shows: "body" },
    View {
        name: "layer",
        query: "&pane=layer&layer=layer2.0.shortcut.0",
        waits_for: "[data-chart=rules] svg path",
        shows: "#panes",
    },
    View {
        name: "sweep",
        query: "&pane=sweep",
        waits_for: "[data-chart=sweep] svg path",
        shows: "#panes",
    },
    View {
        name: "ablation",
        query: "&pane=ablation&sparsity=0.9",
        waits_for: "#arms",
        shows: "#panes",
    },
    View {
        name: "compare",
        query: "&pane=compare&shown=both",
        waits_for: "[data-chart=compare] svg path",
        shows: "#panes",
    },
    View { name: "table", query: "&pane=table", waits_for: "#layers", shows: "#panes" },
    View {
        name: "networks",
        query: "&pane=networks&other=chenyaofo-resnet20-cifar10",
        waits_for: "[data-chart=networks-density] svg path",
        shows: "#panes",
    },
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
        for View { name, query, waits_for, shows } in VIEWS {
            page.goto(&format!("?theme={theme}{query}")).await;
            page.wait_for(waits_for).await;
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
