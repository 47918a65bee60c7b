//! Damaged files: whatever is cut off, flipped or inserted, reading ends soon, with a graph or with an error.

use std::time::{Duration, Instant};

use bitdial_ir::{IrError, onnx, packed, passes};

use crate::files::{MODELS, cases, model, model_bytes};

/// Marsaglia's xorshift: damage that is the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Longest time that one damaged file may take, with room for a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// Reads a file and, if that succeeds, does everything else that this crate does.
fn survive(bytes: &[u8], what: &str) -> bool {
    let start = Instant::now();
    let read = onnx::read(bytes);
    if let Ok(graph) = &read {
        let prepared = match passes::prepare(graph.clone()) {
            Ok(prepared) => Some(prepared),
            // A transposition may be what is too much for a graph that is nearly too large.
            Err(IrError::TooLarge(_)) => None,
            Err(error) => panic!("{what} is read and not prepared: {error}"),
        };
        for graph in [Some(graph), prepared.as_ref()].into_iter().flatten() {
            assert_eq!(packed::read(&packed::write(graph)).as_ref(), Ok(graph), "{what}");
        }
    }
    assert!(start.elapsed() < SOON, "{what} takes {:?}", start.elapsed());
    read.is_ok()
}

fn damage(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(damaged.len());
        match dice.roll(6) {
            0 => damaged[at] ^= 1 << dice.roll(8),
            1 => damaged[at] = dice.roll(256) as u8,
            2 => damaged[at] = [0, 1, 0x7F, 0x80, 0xFF][dice.roll(5)],
            3 => damaged.insert(at, dice.roll(256) as u8),
            4 => drop(damaged.remove(at)),
            _ => {
                let end = (at + 1 + dice.roll(16)).min(damaged.len());
                let part = damaged[at..end].to_vec();
                let to = dice.roll(damaged.len());
                damaged.splice(to..to, part);
            }
        }
        if damaged.is_empty() {
            break;
        }
    }
    damaged
}

#[test]
fn damaged_operators_are_survived() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut read, mut refused) = (0, 0);
    for case in cases() {
        for i in 0..150 {
            let damaged = damage(&case.onnx, &mut dice);
            if survive(&damaged, &format!("{} {i}", case.name)) { read += 1 } else { refused += 1 }
        }
    }
    // Damage to constants and names is harmless, damage to the structure is not: both happen.
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn cut_off_operators_are_refused() {
    for case in cases() {
        for len in 0..case.onnx.len() {
            // The file without its last fields may still be a model.
            survive(&case.onnx[..len], &format!("{} cut to {len}", case.name));
        }
        assert!(onnx::read(&case.onnx[..case.onnx.len() / 2]).is_err(), "half of {}", case.name);
    }
}

#[test]
fn damaged_models_are_survived() {
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    for name in &MODELS[..3] {
        let bytes = model_bytes(name);
        for i in 0..40 {
            survive(&damage(&bytes, &mut dice), &format!("{name} {i}"));
            let len = dice.roll(bytes.len());
            assert!(onnx::read(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
    }
}

#[test]
fn damaged_packed_models_are_survived() {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let mut packs: Vec<_> = cases().iter().map(|c| (c.name.clone(), packed::write(&onnx::read(&c.onnx).unwrap()))).collect();
    packs.push(("digits".to_owned(), packed::write(&passes::prepare(model("digits")).unwrap())));
    for (name, bytes) in packs {
        for i in 0..150 {
            let damaged = damage(&bytes, &mut dice);
            let start = Instant::now();
            if let Ok(graph) = packed::read(&damaged) {
                graph.check().unwrap();
            }
            assert!(start.elapsed() < SOON, "{name} {i} takes {:?}", start.elapsed());
        }
        for len in (0..bytes.len()).step_by(bytes.len() / 500 + 1) {
            assert!(packed::read(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
    }
}
