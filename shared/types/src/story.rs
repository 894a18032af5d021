//! Stories: what a person is led through on the page, step by step, in a file that anybody can write
//! (`docs/stories.md`).

use serde::Deserialize;

use crate::graph::Role;
use crate::version::{VersionError, check_version};

/// Version of the format that this program reads.
const VERSION: u32 = 1;

/// A sequence of steps, each with what is said and what the page shows meanwhile.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// Version of the format.
    #[serde(rename = "version")]
    _version: u32,
    /// What it is about.
    pub title: String,
    /// The profile that it is told on: a name of the gallery or an address. Whichever is open where
    /// there is none.
    #[serde(default)]
    pub profile: Option<String>,
    /// One or more.
    pub steps: Vec<StoryStep>,
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoryStep {
    /// What stands above it.
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// What the page shows, as the address has it, such as `rule=erk&sparsity=0.9&pane=layer`; what is
    /// left out is as on the first screen.
    #[serde(default)]
    pub state: String,
    /// The part of the page that it speaks of.
    #[serde(default)]
    pub at: StoryPlace,
    /// A role without which a network has nothing to show here: the step is left out for those.
    #[serde(default)]
    pub needs: Option<Role>,
    /// A question to think about.
    #[serde(default)]
    pub question: Option<String>,
    /// Its answer, which is hidden until it is asked for.
    #[serde(default)]
    pub answer: Option<String>,
}

/// A part of the page that a step of a story speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryPlace {
    /// The graph of A, or of B where that alone is shown.
    #[default]
    Graph,
    /// The graph of B.
    GraphB,
    /// Sparsity, rule and what else is set.
    Controls,
    /// Accuracy dense, pruned and repaired.
    Readout,
    /// What is shown below the graph.
    Panes,
}

/// A text that is no story.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// Of another version, or of none.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Not what a story holds.
    #[error("not a story: {0}")]
    Json(#[from] serde_json::Error),
    /// Nothing to show.
    #[error("the story `{0}` has no steps; it takes one or more")]
    Empty(String),
    /// An answer to nothing.
    #[error("step {0} has an answer and no question; give it both or neither")]
    AnswerAlone(usize),
}

impl Story {
    /// Reads a story.
    ///
    /// ```
    /// use rrlab_types::Story;
    ///
    /// let text = r#"{
    ///     "version": 1,
    ///     "title": "Where damage goes",
    ///     "steps": [{
    ///         "title": "Uniform pruning",
    ///         "text": ["Every layer loses the same share of its weights."],
    ///         "state": "rule=uniform&colour=raw",
    ///         "question": "Which layer is hurt most?",
    ///         "answer": "The darkest one."
    ///     }]
    /// }"#;
    /// assert_eq!(Story::from_json(text)?.steps.len(), 1);
    /// assert!(Story::from_json(&text.replace("question", "quiz")).is_err());
    /// # Ok::<(), rrlab_types::StoryError>(())
    /// ```
    ///
    /// # Errors
    /// What the text lacks, or has too much.
    pub fn from_json(text: &str) -> Result<Self, StoryError> {
        check_version("story", text, VERSION)?;
        let story: Self = serde_json::from_str(text)?;
        if story.steps.is_empty() {
            return Err(StoryError::Empty(story.title));
        }
        let is_alone = |step: &StoryStep| step.answer.is_some() && step.question.is_none();
        match story.steps.iter().position(is_alone) {
            Some(index) => Err(StoryError::AnswerAlone(index + 1)),
            None => Ok(story),
        }
    }

    /// Whether a text is meant to be a story, not one of the lab's results.
    pub fn is_meant_by(text: &str) -> bool {
        let value: Result<serde_json::Value, _> = serde_json::from_str(text);
        value.is_ok_and(|value| value.get("steps").is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_story_is_said() {
        let step = r#"{"title": "One", "text": ["Words."], "answer": "Yes."}"#;
        let story = |version: u32, steps: &str| {
            let text = format!(r#"{{"version": {version}, "title": "Short", "steps": [{steps}]}}"#);
            Story::from_json(&text).unwrap_err().to_string()
        };
        assert_eq!(story(1, ""), "the story `Short` has no steps; it takes one or more");
        assert!(story(1, step).contains("step 1 has an answer and no question"));
        assert!(
            story(9, step)
                .contains("the story is of version 9; this program reads versions 1 to 1")
        );
        let misspelt = step.replace("answer", "reply");
        assert!(story(1, &misspelt).contains("unknown field `reply`"));
        let elsewhere = step.replace(r#""answer": "Yes.""#, r#""at": "ceiling""#);
        assert!(
            story(1, &elsewhere).contains("unknown variant `ceiling`, expected one of `graph`")
        );
    }
}
