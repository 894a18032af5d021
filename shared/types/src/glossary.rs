//! The lab's terms in plain words: what the page shows on hover, and the command line below its
//! tables and in its help.

/// A term, what it means, and its formula where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The term.
    pub term: &'static str,
    /// What it means, in whole sentences.
    pub meaning: &'static str,
    /// How it is computed; empty where there is no formula.
    pub formula: &'static str,
}

/// All terms.
pub const ENTRIES: [Entry; 32] = [
    Entry {
        term: "RR",
        meaning: "Relative repairability: the part of a layer's damage that a cheap repair leaves. \
                  Near 0 the repair undoes it, at 1 it does nothing, above 1 it makes the output \
                  worse.",
        formula: "RR = Σ R / Σ D over the layer's channels",
    },
    Entry {
        term: "raw distortion",
        meaning: "How far pruning alone moves a layer's output, on the same dense input, relative to \
                  the output's size.",
        formula: "D = E[(y − ŷ)²], over E[y²]",
    },
    Entry {
        term: "residual distortion",
        meaning: "What is left of the distortion after the repair operator.",
        formula: "R = E[(y − a·ŷ − b)²], over E[y²]",
    },
    Entry {
        term: "repair operator",
        meaning: "A map of each channel after a pruned layer, computed from means and variances alone; \
                  variance matching gives the channel its old mean and variance back.",
        formula: "ŷ → a·ŷ + b, with a = √(v/v̂), b = μ − a·μ̂",
    },
    Entry {
        term: "reconstruction",
        meaning: "All kept weights of a layer solved anew by least squares, so that its output comes as \
                  close to the dense one as these weights allow. It needs unlabelled images, and no \
                  training.",
        formula: "ŵ = (G[S,S] + λI)⁻¹ t, over the kept weights S",
    },
    Entry {
        term: "criterion",
        meaning: "What chooses the weights that stay inside a layer: their magnitude, their magnitude \
                  times the size of their inputs (wanda), or pruning in steps (obs).",
        formula: "",
    },
    Entry {
        term: "pruning in steps",
        meaning: "Masks and weights chosen together: the kept weights are solved anew, those that the \
                  layer's output needs least are removed, and so on until the layer's count is met.",
        formula: "removed first: the lowest w² / [(G[S,S] + λI)⁻¹] on the diagonal",
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
        term: "dense",
        meaning: "The network, or a layer, with all its weights: nothing is pruned.",
        formula: "d = 1",
    },
    Entry {
        term: "budget",
        meaning: "All weights that may stay, over all layers together. Every rule keeps exactly this \
                  many.",
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
        meaning: "Erdős–Rényi kernel: density by the shape of the weight, cut off at dense. Small 1×1 \
                  projections get much of it.",
        formula: "d ∝ (in + out + kh + kw) / (in·out·kh·kw)",
    },
    Entry {
        term: "projection",
        meaning: "A 1×1 convolution on the shorter side of a residual sum. Few weights, but \
                  all of the shortcut's signal.",
        formula: "",
    },
    Entry { term: "stem", meaning: "The first convolution, which sees the image.", formula: "" },
    Entry {
        term: "classifier",
        meaning: "The last layer, which gives a number for each class.",
        formula: "",
    },
    Entry { term: "hidden", meaning: "A linear layer before the last.", formula: "" },
    Entry {
        term: "squeeze_excite",
        meaning: "A layer of squeeze and excite: from the mean of each channel it computes by how \
                  much each is weighed. Few weights, and all channels pass through them.",
        formula: "",
    },
    Entry {
        term: "capped",
        meaning: "The rule wanted more than all of the layer's weights; it is dense, and the rest goes \
                  to the others.",
        formula: "d = min(1, τ·score)",
    },
    Entry {
        term: "free",
        meaning: "The rule chose the layer's density; nothing held it up or imposed it.",
        formula: "",
    },
    Entry {
        term: "forced",
        meaning: "A constraint (--force) imposed the layer's density; it is paid from the budget \
                  before the rule shares out the rest.",
        formula: "",
    },
    Entry {
        term: "floor",
        meaning: "The rule wanted less than the least density of every layer that was asked for \
                  (--floor).",
        formula: "",
    },
    Entry {
        term: "near collapse",
        meaning: "The layer keeps fewer weights than it has outputs: some outputs no longer depend \
                  on its input. A floor (--floor) keeps more.",
        formula: "",
    },
    Entry {
        term: "recovery",
        meaning: "Accuracy after repair between chance (0) and the dense network's (1).",
        formula: "(accuracy − chance) / (dense − chance)",
    },
    Entry {
        term: "chance",
        meaning: "Accuracy of guessing: one over the number of classes.",
        formula: "1 / classes",
    },
    Entry {
        term: "recoverability transition",
        meaning: "The range of sparsity over which recovery falls from 0.8 to 0.2: before it any rule \
                  will do, after it none; inside it the rule decides.",
        formula: "",
    },
    Entry {
        term: "judge",
        meaning: "Compares a pruned network's outputs with the dense network's on unlabelled images \
                  that repair did not see. The smaller their divergence, the more accurate the \
                  network, nearly always.",
        formula: "KL(dense ‖ pruned), mean over images, in nats",
    },
    Entry {
        term: "beyond noise",
        meaning: "On the same test images the most accurate rule wins more often than chance \
                  explains: McNemar's test, p < 0.05.",
        formula: "",
    },
    Entry {
        term: "share",
        meaning: "How much of a residual block's output variance comes from the branch, or the \
                  shortcut, that the layer is on. Rule rr_ratio weighs layers by it.",
        formula: "ω = share^β",
    },
    Entry {
        term: "sensitivity",
        meaning: "S: how much of the logits' variance white noise as strong as a layer's own output \
                  causes, by gradients of the dense network on unlabelled images. Rule rr weighs \
                  layers by its root.",
        formula: "S = E[Σ (∂(uᵀz)/∂y)²]·V / Var(z), u ~ N(0, I)",
    },
    Entry {
        term: "residual stream",
        meaning: "The sums that run through a residual network: each block adds its branch's output to \
                  what came before, or to a projection of it.",
        formula: "",
    },
    Entry {
        term: "distillation",
        meaning: "Knowledge distillation: the network learns from the dense network's outputs, beside \
                  the labels or without them.",
        formula: "loss = (1 − w)·cross-entropy + w·T²·KL(dense ‖ network), at temperature T",
    },
];

/// The entry of a term, whether it is written in capitals (`ERK`, a name of the field) or not
/// (`erk`, a rule's name).
pub fn entry(term: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.term.eq_ignore_ascii_case(term))
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.term, self.meaning)?;
        if self.formula.is_empty() { Ok(()) } else { write!(f, " {}", self.formula) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_explained_once_and_found_in_small_letters() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert!(entry.meaning.ends_with('.'), "{}", entry.term);
            assert_eq!(
                super::entry(&entry.term.to_lowercase()),
                Some(&ENTRIES[index]),
                "{} stands twice",
                entry.term
            );
        }
    }
}
