//! Pictures of what is seen, compared with ones that somebody looked at.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};

use crate::browser::screenshots;

/// Set to take what is seen now for what is right.
pub const ACCEPT: &str = "RRLAB_ACCEPT_VIEWS";

/// Sides of a kept picture over those of what is seen: enough for a person to recognise everything.
const KEPT_SCALE: f64 = 0.5;
/// Side of the squares whose mean colours are compared, in pixels of a kept picture. Letters that a
/// machine smooths otherwise have the same mean.
const SQUARE: u32 = 6;
/// From which difference of a mean colour on, of 255, a square is another.
const VISIBLE: f64 = 14.0;
/// Part of the squares that may be others.
const TOLERANCE: f64 = 0.01;
/// Others side by side that are tolerated: less than a button has.
const MOST_TOGETHER: usize = 30;

/// Where pictures that were looked at are kept.
fn kept(name: &str) -> PathBuf {
    crate::repository().join("tests/views").join(format!("{name}.png"))
}

/// Compares what is seen, a PNG, with the picture of this name.
///
/// # Errors
/// What differs, where both can be looked at, and how to accept it.
///
/// # Panics
/// If a picture can't be read or written.
pub fn check_view(name: &str, seen: &[u8]) -> Result<(), String> {
    let seen = image::load_from_memory(seen).expect("a picture").to_rgb8();
    let side = |pixels: u32| (f64::from(pixels) * KEPT_SCALE).round() as u32;
    let seen = resize(&seen, side(seen.width()), side(seen.height()), FilterType::Triangle);
    if std::env::var_os(ACCEPT).is_some() {
        seen.save(kept(name)).expect("a place for the picture");
        return Ok(());
    }
    let path = kept(name);
    if !path.exists() {
        return Err(format!("there is no {}: {ACCEPT}=1 keeps what is seen now", path.display()));
    }
    let expected = image::open(&path).expect("a kept picture").to_rgb8();
    let Some(problem) = difference(&expected, &seen) else { return Ok(()) };
    let found = screenshots().join(format!("{name}-seen.png"));
    marked(&expected, &seen).save(&found).expect("a place for the picture");
    Err(format!(
        "{name} looks otherwise than {}: {problem}. {} shows it, with what differs framed; {ACCEPT}=1 accepts it",
        shown(&path),
        found.display()
    ))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(crate::repository()).unwrap_or(path).display().to_string()
}

/// How a picture differs by more than is tolerated; nothing where it does not.
fn difference(expected: &RgbImage, seen: &RgbImage) -> Option<String> {
    if expected.dimensions() != seen.dimensions() {
        return Some(format!(
            "it is {:?} pixels large, not {:?}",
            seen.dimensions(),
            expected.dimensions()
        ));
    }
    let squares = squares(expected);
    let others: HashSet<(u32, u32)> =
        squares.iter().copied().filter(|&at| is_other(expected, seen, at)).collect();
    let part = others.len() as f64 / squares.len() as f64;
    if part > TOLERANCE {
        return Some(format!("{:.1} % of its area is other", 100.0 * part));
    }
    let largest = largest_group(others);
    (largest > MOST_TOGETHER).then(|| {
        let pixels = SQUARE * SQUARE * largest as u32;
        format!("something of {pixels} pixels is other")
    })
}

/// The most squares that lie side by side.
fn largest_group(mut squares: HashSet<(u32, u32)>) -> usize {
    let mut largest = 0;
    while let Some(&first) = squares.iter().next() {
        squares.remove(&first);
        let (mut waiting, mut size) = (vec![first], 0);
        while let Some((x, y)) = waiting.pop() {
            size += 1;
            let left_and_above = [(x.wrapping_sub(SQUARE), y), (x, y.wrapping_sub(SQUARE))];
            for beside in left_and_above.into_iter().chain([(x + SQUARE, y), (x, y + SQUARE)]) {
                if squares.remove(&beside) {
                    waiting.push(beside);
                }
            }
        }
        largest = largest.max(size);
    }
    largest
}

/// Left upper corners of a picture's squares.
fn squares(picture: &RgbImage) -> Vec<(u32, u32)> {
    let steps = |pixels: u32| (0..pixels).step_by(SQUARE as usize);
    steps(picture.height()).flat_map(|y| steps(picture.width()).map(move |x| (x, y))).collect()
}

fn is_other(expected: &RgbImage, seen: &RgbImage, at: (u32, u32)) -> bool {
    let [expected, seen] = [expected, seen].map(|picture| mean_colour(picture, at));
    expected.iter().zip(seen).any(|(expected, seen)| (expected - seen).abs() > VISIBLE)
}

fn mean_colour(picture: &RgbImage, (left, top): (u32, u32)) -> [f64; 3] {
    let (mut sums, mut pixels) = ([0.0; 3], 0.0);
    for y in top..(top + SQUARE).min(picture.height()) {
        for x in left..(left + SQUARE).min(picture.width()) {
            for (sum, part) in sums.iter_mut().zip(picture.get_pixel(x, y).0) {
                *sum += f64::from(part);
            }
            pixels += 1.0;
        }
    }
    sums.map(|sum| sum / pixels)
}

/// What is seen, with the squares that are others framed in red.
fn marked(expected: &RgbImage, seen: &RgbImage) -> RgbImage {
    let mut marked = seen.clone();
    if expected.dimensions() != seen.dimensions() {
        return marked;
    }
    for (left, top) in squares(expected) {
        if !is_other(expected, seen, (left, top)) {
            continue;
        }
        for step in 0..SQUARE {
            for (x, y) in [(left + step, top), (left, top + step)] {
                if x < marked.width() && y < marked.height() {
                    marked.put_pixel(x, y, Rgb([220, 0, 0]));
                }
            }
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A white page with a black box of this width.
    fn page(width: u32) -> RgbImage {
        RgbImage::from_fn(120, 120, |x, y| {
            let is_ink = (30..30 + width).contains(&x) && (30..60).contains(&y);
            Rgb([if is_ink { 0 } else { 255 }; 3])
        })
    }

    #[test]
    fn another_box_is_seen_and_smoothed_letters_are_not() {
        assert_eq!(difference(&page(30), &page(30)), None);
        assert!(difference(&page(30), &page(42)).unwrap().contains("% of its area"));
        // A button that is gone from a large page.
        let large = |button: u32| {
            RgbImage::from_fn(1200, 900, |x, y| {
                let is_ink = (300..300 + button).contains(&x) && (90..120).contains(&y);
                Rgb([if is_ink { 90 } else { 255 }; 3])
            })
        };
        assert!(difference(&large(60), &large(0)).unwrap().contains("something of"));
        // Every other pixel a little darker or lighter, as another renderer smooths.
        let mut smoothed = page(30);
        for (x, y, pixel) in smoothed.enumerate_pixels_mut() {
            let change = if (x + y) % 2 == 0 { 20 } else { 0 };
            *pixel = Rgb(pixel.0.map(|part| part.saturating_sub(change)));
        }
        assert_eq!(difference(&page(30), &smoothed), None);
        assert!(difference(&page(30), &RgbImage::new(60, 120)).unwrap().contains("pixels large"));
    }
}
