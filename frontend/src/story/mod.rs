//! Stories: steps that drive the page, from files that come with it or that anybody wrote.

mod list;
mod open_story;
mod panel;

pub use list::{STORIES, TOUR};
pub use open_story::{OpenStory, WayBack};
pub use panel::StoryPanel;
