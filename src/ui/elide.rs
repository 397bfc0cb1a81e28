//! Texts that are longer than their place keep both ends: "moving left while spinning" and "moving left while shaking" differ
//! at the end, file names do too.

use egui::{Color32, FontId, Ui};
use std::borrow::Cow;

/// The text, or as much of its two ends as fits into `width` points.
pub fn middle<'a>(ui: &Ui, text: &'a str, font: &FontId, width: f32) -> Cow<'a, str> {
    fit(text, |t| width_of(ui, t, font) <= width)
}

/// The text with `inner`, which stands beside it in full anyway, cut at its end before anything else is: "a video of moving r…".
pub fn inner<'a>(ui: &Ui, text: &'a str, inner: &str, font: &FontId, width: f32) -> Cow<'a, str> {
    inner_with(text, inner, |t| width_of(ui, t, font) <= width)
}

/// The same for whatever fits.
pub fn inner_with<'a>(text: &'a str, inner: &str, fits: impl Fn(&str) -> bool) -> Cow<'a, str> {
    let Some((before, after)) = text.split_once(inner).filter(|_| !inner.is_empty() && !fits(text)) else {
        return fit(text, fits);
    };
    let chars: Vec<char> = inner.chars().take(LONGEST).collect();
    let with = |kept: usize| -> String {
        before.chars().chain(chars[..kept].iter().copied()).chain("…".chars()).chain(after.chars()).collect()
    };
    let kept = most(chars.len().saturating_sub(1), |kept| fits(&with(kept)));
    let cut = with(kept);
    if fits(&cut) { cut.into() } else { fit(text, fits) }
}

/// The largest number up to `high` of which `fits` holds, given that it holds of all smaller ones; 0 if of none.
fn most(mut high: usize, fits: impl Fn(usize) -> bool) -> usize {
    let mut low = 0;
    while low < high {
        let half = (low + high).div_ceil(2);
        if fits(half) { low = half } else { high = half - 1 }
    }
    low
}

/// The width of a text on one line, in points.
pub fn width_of(ui: &Ui, text: &str, font: &FontId) -> f32 {
    ui.fonts_mut(|f| f.layout_no_wrap(text.to_owned(), font.clone(), Color32::PLACEHOLDER)).size().x
}

fn fit(text: &str, fits: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if fits(text) {
        return text.into();
    }
    let chars: Vec<char> = text.chars().take(LONGEST).collect();
    let whole = text.chars().count();
    let last: Vec<char> = text.chars().skip(whole.saturating_sub(LONGEST)).collect();
    let with = |kept: usize| -> String {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let tail = &last[last.len() - tail.min(last.len())..];
        chars[..head.min(chars.len())].iter().chain(['…'].iter()).chain(tail).collect()
    };
    let kept = most(whole.saturating_sub(1).min(LONGEST), |kept| fits(&with(kept)));
    with(kept).into()
}

/// No place has room for more signs.
const LONGEST: usize = 400;

/// Shares `room` among texts of these widths: those that are short keep theirs, the long ones get the same.
pub fn shares(widths: &[f32], room: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..widths.len()).collect();
    order.sort_by(|a, b| widths[*a].total_cmp(&widths[*b]));
    let (mut left, mut out) = (room.max(0.0), vec![0.0; widths.len()]);
    for (done, i) in order.into_iter().enumerate() {
        out[i] = widths[i].min(left / (widths.len() - done) as f32);
        left -= out[i];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept_and_what_fits_stays() {
        let at_most = |n: usize| move |t: &str| t.chars().count() <= n;
        assert_eq!(fit("moving left", at_most(11)), "moving left");
        assert_eq!(fit("moving left while spinning", at_most(11)), "movin…nning");
        assert_eq!(fit("日本語の長い名前", at_most(4)), "日本…前");
        assert_eq!(fit("abc", at_most(0)), "…");
        assert_eq!(fit("", at_most(0)), "");
        assert_eq!(fit(&"x".repeat(100_000), at_most(5)), "xx…xx");
    }

    #[test]
    fn what_stands_beside_a_text_is_cut_before_the_rest_of_it() {
        let at_most = |n: usize| move |t: &str| t.chars().count() <= n;
        let cut = |text, n| inner_with(text, "moving left", at_most(n)).into_owned();
        assert_eq!(cut("a video of moving left", 30), "a video of moving left");
        assert_eq!(cut("a video of moving left", 18), "a video of moving…");
        assert_eq!(cut("moving left in a video", 18), "moving… in a video");
        assert_eq!(cut("moving left", 5), "movi…");
        assert_eq!(cut("a video of moving left", 6), "a v…ft", "no room for the rest alone");
        assert_eq!(cut("something else", 6), "som…se");
        assert_eq!(inner_with("abcdef", "", at_most(4)), "ab…f");
    }

    #[test]
    fn the_long_texts_share_what_the_short_ones_leave() {
        assert_eq!(shares(&[10.0, 100.0, 60.0], 200.0), [10.0, 100.0, 60.0]);
        assert_eq!(shares(&[10.0, 100.0, 60.0], 110.0), [10.0, 50.0, 50.0]);
        assert_eq!(shares(&[10.0], -5.0), [0.0]);
        assert_eq!(shares(&[], 5.0), [0.0; 0]);
    }
}
