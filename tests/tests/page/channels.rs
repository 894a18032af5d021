//! RR of every channel, beside the profile that keeps its spread.

use rrlab_types::{CHANNEL_QUANTILES, CHANNEL_SPARSITIES, ChannelProfile};

use super::*;

/// Exhibits that come with RR of their channels.
const WITH_CHANNELS: [&str; 4] = [
    "resnet20-cifar10",
    "resnet18-w0.25-cifar10",
    "resnet18-w0.25-cifar100",
    "vgg16_bn-w0.25-cifar10",
];

fn gallery(name: &str, ending: &str) -> String {
    let path = repository().join(format!("frontend/gallery/{name}.{ending}.json"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn channels_of_the_gallery_are_spread_as_their_profiles_say() {
    for name in WITH_CHANNELS {
        let profile = ModelProfile::from_json(&gallery(name, "profile")).unwrap();
        let channels = ChannelProfile::from_json(&gallery(name, "channels")).unwrap();
        channels.check_profile(&profile).unwrap();
        for (layer, of_channels) in profile.layers.iter().zip(&channels.channels) {
            for (operator, spread) in &layer.channels {
                let ratios = &of_channels.ratios[operator];
                assert_eq!(ratios.len(), CHANNEL_SPARSITIES.len());
                for (quantiles, ratios) in spread.quantiles.iter().zip(ratios) {
                    let mut ratios: Vec<f64> = ratios.iter().map(|ratio| ratio.get()).collect();
                    ratios.sort_by(f64::total_cmp);
                    let ends = [(0, 0), (CHANNEL_QUANTILES - 1, ratios.len() - 1)];
                    for (quantile, place) in ends {
                        let (expected, found) = (quantiles[quantile], ratios[place]);
                        let tolerance = 6e-4 + 1e-3 * expected;
                        assert!(
                            (expected - found).abs() < tolerance,
                            "{name}, {}, {operator}: {found} for {expected}",
                            layer.name
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rr_of_each_channel_is_shown_where_it_is_known_and_its_spread_elsewhere() {
    let page = Browser::open().await;
    let captions = |text: &str| {
        format!(
            "return [...document.querySelectorAll('.chart-figure figcaption')].some(caption => caption.textContent.includes('{text}'))"
        )
    };
    page.goto("?pane=layer&layer=layer2.0.conv1&sparsity=0.9").await;
    page.wait_until(&captions("RR of each channel at sparsity")).await;
    page.click("figure:has([data-chart=channels]) .numbers summary").await;
    page.wait_until("return document.querySelectorAll('figure:has([data-chart=channels]) .numbers tbody tr').length === 32").await;
    let values = "return [...document.querySelectorAll('figure:has([data-chart=channels]) .numbers tbody td:nth-child(2)')].map(cell => Number(cell.textContent))";
    let values: Vec<f64> = serde_json::from_value(page.run(values, &[]).await).unwrap();
    assert!(values.is_sorted_by(|a, b| a >= b), "the worst first: {values:?}");

    // Of others no file comes with the page, until somebody opens one; it must be of this network.
    page.goto("?profile=akamaster-resnet20-cifar10&pane=layer&layer=layer2.0.conv1").await;
    page.wait_until(&captions("from deciles")).await;
    page.choose_file(&repository().join("frontend/gallery/resnet20-cifar10.channels.json")).await;
    assert!(alert(&page).await.contains("open that profile first"));
    page.close().await;
}
