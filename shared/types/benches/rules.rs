//! Every allocation rule on a profile of ResNet34's size. The aim: below a millisecond each.

#[path = "../tests/common/mod.rs"]
mod common;

use rrlab_types::{AllocationRequest, Evidence, Rule, Sparsity, allocate};
use strum::VariantArray as _;

fn main() {
    divan::main();
}

/// Channels of ResNet34's 33 3×3 convolutions; projections and classifier are small beside them.
fn channels() -> Vec<usize> {
    let stages = [(64, 7), (128, 8), (256, 12), (512, 6)];
    std::iter::once(3)
        .chain(stages.into_iter().flat_map(|(width, count)| vec![width; count]))
        .collect()
}

#[divan::bench(args = Rule::VARIANTS)]
fn rule(bencher: divan::Bencher, rule: Rule) {
    let profile = common::profile(&common::chain(&channels(), 10), 1);
    let request = AllocationRequest::new(rule, Sparsity::new(0.95).unwrap());
    bencher.bench_local(|| allocate(Evidence::Profile(&profile), &request).unwrap());
}
