//! The stories that come with the page.

/// Name in the address of the one for who has never heard of RR.
pub const TOUR: &str = "tour";

/// The others: name in the address, and what a person reads.
pub const STORIES: [(&str, &str); 4] = [
    ("transition", "The transition"),
    ("shortcuts", "ERK and shortcuts"),
    ("repair", "A stronger repair"),
    ("no-shortcuts", "No shortcuts at all"),
];

/// Where a story is: of a bundled one its file, else the address that the name is.
pub(super) fn address(name: &str) -> String {
    if name == TOUR || STORIES.iter().any(|story| story.0 == name) {
        format!("stories/{name}.json")
    } else {
        name.to_owned()
    }
}
