//! Does the freeze map say the truth? Held against where the mover is, against what freezing in its order does to the score, and
//! against freezing the pixels themselves and encoding them again.

use super::truth::Truth;
use crate::metrics::auroc;
use crate::model::Surgery;
use crate::score::ClassEmbedding;
use crate::session::freeze::{groups, margin_changes};
use crate::session::{FreezeMap, Maps, Session, WorkError};
use rand::Rng;
use rand::seq::SliceRandom;
use std::sync::Arc;

/// Shares of the patches that are frozen along a deletion curve.
const STEPS: [f64; 9] = [0.0, 0.03125, 0.0625, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0];
/// A clip whose margin falls by less than this when all of it is frozen has nothing to be deleted.
const LEAST_FALL: f32 = 0.05;

/// One clip and what is true of it.
pub(super) struct Clip<'a> {
    /// (3,R,R) of each frame, and its tokens.
    pub pixels: &'a [&'a [f32]],
    pub tokens: &'a [Arc<[f32]>],
    pub class: &'a ClassEmbedding,
    pub maps: &'a Maps,
    pub truth: &'a Truth,
}

/// The figures of one clip; those that cannot be had of it are left out.
pub(super) fn figures(
    session: &Session,
    surgery: &Surgery,
    clip: &Clip,
    rng: &mut impl Rng,
) -> Result<Vec<(&'static str, f64)>, WorkError> {
    let frames = clip.tokens.len();
    let x = session.clips(clip.tokens, frames);
    let whole = |side: usize| -> Result<FreezeMap, WorkError> {
        let mut map = session.freeze_start(&x, surgery, side)?;
        while map.progress().0 < map.progress().1 {
            session.freeze_more(&mut map, &x, surgery)?;
        }
        Ok(map)
    };
    let fine = whole(1)?;
    let Some(change) = fine.change(clip.class, true) else { return Ok(Vec::new()) };
    // What falls when a patch is frozen was carried by it.
    let worth: Vec<f32> = change.iter().map(|d| -d).collect();
    let swept = || clip.truth.swept.iter().copied();
    let mut found = vec![("freeze_auroc", auroc(worth.iter().copied().zip(swept())))];

    let over_time = |map: &crate::session::Map| -> Vec<f32> {
        let n = map.rows * map.cols;
        (0..n).map(|p| map.data.iter().skip(p).step_by(n).sum::<f32>()).collect()
    };
    let mut random: Vec<f32> = (0..worth.len()).map(|i| i as f32).collect();
    random.shuffle(rng);
    for (name, order) in [
        ("deletion_freeze", worth),
        ("deletion_evidence", over_time(&clip.maps.evidence)),
        ("deletion_motion", over_time(&clip.maps.motion)),
        ("deletion_random", random),
    ] {
        found.extend(deletion(session, surgery, &x, clip.class, &order)?.map(|area| (name, area)));
    }

    // Blocks, because each is an encoding of all frames.
    let coarse = whole(2)?;
    let tokens = margin_changes(&coarse.plain, &coarse.frozen, clip.class, true);
    let mut pixels = Vec::new();
    for group in groups(session.info.grid, 2) {
        let frozen = session.encode_frames(&session.freeze_pixels(clip.pixels, &group), surgery)?;
        let f = session.embed(session.clips(&frozen, frames), surgery)?.swap_remove(0);
        pixels.push(Arc::<[f32]>::from(f));
    }
    let pixels = margin_changes(&coarse.plain, &pixels, clip.class, true);
    if let Some((tokens, pixels)) = tokens.zip(pixels) {
        found.extend(correlation(&tokens, &pixels).map(|r| ("freeze_pixels_correlation", r)));
    }
    Ok(found)
}

/// The area under the curve of the margin while patches are frozen, those of high `order` first: 1 at the untouched clip and 0
/// with everything frozen, so the smaller the area, the sooner what carries the score is found.
fn deletion(
    session: &Session,
    surgery: &Surgery,
    x: &burn::tensor::Tensor<4>,
    class: &ClassEmbedding,
    order: &[f32],
) -> Result<Option<f64>, WorkError> {
    let mut places: Vec<u16> = (0..order.len() as u16).collect();
    places.sort_by(|a, b| order[usize::from(*b)].total_cmp(&order[usize::from(*a)]));
    let prefix = |share: &f64| places[..(share * places.len() as f64).round() as usize].to_vec();
    let frozen = session.embed_frozen(x, surgery, &STEPS.iter().map(prefix).collect::<Vec<_>>())?;
    // The first step freezes nothing.
    let Some(change) = margin_changes(&frozen[0], &frozen, class, true) else { return Ok(None) };
    let fall = -change[STEPS.len() - 1];
    if fall < LEAST_FALL {
        return Ok(None);
    }
    let height = |i: usize| 1.0 + f64::from(change[i] / fall);
    Ok(Some((1..STEPS.len()).map(|i| (STEPS[i] - STEPS[i - 1]) * (height(i) + height(i - 1)) / 2.0).sum()))
}

/// Pearson's; `None` where one side does not vary.
fn correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let n = a.len() as f64;
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(x, y)| f(f64::from(*x) - ma, f64::from(*y) - mb)).sum()
    };
    let (aa, bb, ab) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    (aa > 1e-12 && bb > 1e-12).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_of_known_cases() {
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap() - 1.0).abs() < 1e-9);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).unwrap() + 1.0).abs() < 1e-9);
        assert_eq!(correlation(&[1.0, 1.0], &[0.0, 1.0]), None);
    }
}
