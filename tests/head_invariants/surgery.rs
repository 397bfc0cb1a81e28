//! What is altered inside the head does what it says, and nothing altered changes nothing.

use super::*;
use burn::module::Param;
use motionlens::model::{GateClamp, Surgery};

/// The same at every call: tests run side by side, and a device's seed is one for all.
fn fixed_projection() -> Linear {
    let weight = Noise::new(3).tensor([D, E], &device());
    Linear { weight: Param::from_tensor(weight), bias: None }
}

fn run(head: &MotionHead, x: Tensor<4>, surgery: &Surgery) -> motionlens::model::head::HeadOutput {
    head.forward_with(x, &fixed_projection(), surgery)
}

#[test]
fn nothing_altered_is_the_ordinary_pass_to_the_bit() {
    let (head, x) = (head(7), clip(T, 8));
    let plain = head.forward(x.clone(), &fixed_projection());
    let none = run(&head, x, &Surgery::default());
    assert_eq!(values(plain.embedding), values(none.embedding));
    assert_eq!(values(plain.gates[1].clone()), values(none.gates[1].clone()));
}

#[test]
fn motion_and_static_off_leave_the_other_part_alone() {
    let (head, x) = (head(7), clip(T, 8));
    let plain = run(&head, x.clone(), &Surgery::default());
    let still = run(&head, x.clone(), &Surgery { no_motion: true, ..Surgery::default() });
    let moving = run(&head, x, &Surgery { no_static: true, ..Surgery::default() });
    assert_eq!(largest(still.v_m), 0.0);
    assert_eq!(values(still.v_s), values(plain.v_s.clone()));
    assert_eq!(largest(moving.v_s), 0.0);
    assert_eq!(values(moving.v_m), values(plain.v_m.clone()));
    assert!(distance(moving.embedding, plain.embedding) > 1e-3);
}

#[test]
fn lifting_off_is_the_fixed_haar_transform_and_the_adapter_can_be_left_out() {
    let (head, x) = (head(7), clip(T, 8));
    let both = Surgery { no_lifting: true, no_vision_adapter: true, ..Surgery::default() };
    let out = run(&head, x.clone(), &both);
    let haar = msm(true).forward(x.clone());
    for (found, expected) in out.streams.details.iter().zip(&haar.details) {
        assert_eq!(values(found.clone()), values(expected.clone()));
    }
    let still = head.static_stream_with(&out.streams, &both);
    assert_eq!(distance(still, msm(true).static_stream(haar.approximation())), 0.0);
    // Against the learned one they differ, so the switch is not idle.
    let learned = run(&head, x, &Surgery::default());
    assert!(distance(learned.streams.details[0].clone(), haar.details[0].clone()) > 1e-3);
}

#[test]
fn a_held_gate_has_that_value_and_the_others_their_own() {
    let (head, x) = (head(7), clip(T, 8));
    let plain = run(&head, x.clone(), &Surgery::default());
    let clamp = GateClamp { block: Some(1), head: Some(2), thousandths: 250 };
    let out = run(&head, x.clone(), &Surgery { gates: vec![clamp], ..Surgery::default() });
    assert_eq!(distance(out.gates[0].clone(), plain.gates[0].clone()), 0.0);
    for h in 0..4 {
        let found = out.gates[1].clone().narrow(1, h, 1);
        if h == 2 {
            assert!(values(found).iter().all(|g| *g == 0.25));
        } else {
            assert_eq!(distance(found, plain.gates[1].clone().narrow(1, h, 1)), 0.0);
        }
    }
    // Gates shut everywhere: the static stream gives nothing but the output's bias, as without attention weights.
    let shut = GateClamp { block: None, head: None, thousandths: 0 };
    let out = run(&head, x, &Surgery { gates: vec![shut], ..Surgery::default() });
    assert!(out.gates.iter().all(|g| largest(g.clone()) == 0.0));
}

#[test]
fn without_attention_no_gate_is_left_and_an_untrained_head_does_not_notice() {
    let x = clip(T, 8);
    let off = Surgery { no_attention: true, ..Surgery::default() };
    assert!(run(&head(7), x.clone(), &off).gates.is_empty());
    let untrained = config().init(&device());
    let (with, without) = (run(&untrained, x.clone(), &Surgery::default()), run(&untrained, x, &off));
    assert_eq!(values(with.embedding), values(without.embedding));
}

/// METHOD §3: tokens that do not change in time give exactly no motion, for any weights.
#[test]
fn a_frozen_patch_has_no_motion_and_the_others_keep_theirs() {
    for seed in 0..3 {
        let (head, x) = (head(seed), clip(T, 8 + seed));
        let plain = run(&head, x.clone(), &Surgery::default());
        // A patch that does not exist is ignored.
        let out = run(&head, x, &Surgery { frozen: vec![1, 99], ..Surgery::default() });
        for (found, before) in out.streams.details.iter().zip(&plain.streams.details) {
            let size = largest(before.clone());
            // Tokens: the class token, then the patches.
            assert!(largest(found.clone().narrow(2, 2, 1)) <= 1e-6 * size, "the frozen patch");
            for token in [0, 1, 3, 4] {
                let (a, b) = (found.clone().narrow(2, token, 1), before.clone().narrow(2, token, 1));
                assert_eq!(distance(a, b), 0.0, "token {token}");
            }
        }
    }
}
