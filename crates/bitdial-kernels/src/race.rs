//! Times a few short runs against each other with a clock that may be coarse.

/// How long a timed stretch of runs lasts at least, in milliseconds, and in ticks of the clock.
const STRETCH: f64 = 1.0;
const TICKS: f64 = 10.0;
/// Ticks that are looked at, the shortest of which counts.
const TICKS_SEEN: u32 = 4;
/// A clock whose stretches would have to be longer is of no use.
const LONGEST: f64 = 10.0;
/// Stretches of each runner where it is compared with others; the shortest counts.
pub(crate) const ROUNDS: u32 = 3;
/// Most runs of a stretch.
const MOST: u32 = 1 << 12;
/// Readings of the clock within which it must move: some milliseconds' worth.
const READINGS: u32 = 1 << 15;

/// How long a stretch must last for this clock to time it; `None` if it is too coarse.
pub(crate) fn stretch(now: &dyn Fn() -> f64) -> Option<f64> {
    let next = || {
        let start = now();
        (0..READINGS).map(|_| now()).find(|&time| time > start).map(|time| (start, time))
    };
    // From one tick to the next; several times, as something else may hold the machine up between two readings.
    next()?;
    let mut tick = f64::INFINITY;
    for _ in 0..TICKS_SEEN {
        let (start, end) = next()?;
        tick = tick.min(end - start);
    }
    Some((TICKS * tick).max(STRETCH)).filter(|&stretch| stretch <= LONGEST)
}

/// Lets something run for so long: browsers optimize what has run for a while.
pub(crate) fn warm_up(run: &mut dyn FnMut(), ms: f64, now: &dyn Fn() -> f64) {
    let start = now();
    while now() < start + ms {
        run();
    }
}

/// Milliseconds of one run of each, in turn; `None` if `deadline` comes before they are known.
pub(crate) fn race(
    runners: &mut [Box<dyn FnMut() + '_>],
    rounds: u32,
    stretch: f64,
    now: &dyn Fn() -> f64,
    deadline: f64,
) -> Option<Vec<f64>> {
    let mut lanes = vec![(1u32, f64::INFINITY); runners.len()];
    let timed = |run: &mut dyn FnMut(), runs: u32| {
        let start = now();
        (0..runs).for_each(|_| run());
        now() - start
    };
    for (run, (runs, _)) in runners.iter_mut().zip(&mut lanes) {
        run();
        loop {
            if now() >= deadline || *runs > MOST {
                return None;
            }
            let time = timed(run, *runs);
            if time >= stretch {
                break;
            }
            // As many as will last long enough, where that can be told; else twice as many.
            let enough = if time > stretch / 4.0 { (1.1 * stretch / time * f64::from(*runs)).ceil() as u32 } else { 2 * *runs };
            *runs = enough.max(*runs + 1);
        }
    }
    let mut round = 0;
    // A browser may still be optimizing what runs: as long as something gets faster, it is not known how fast it is.
    let mut faster = true;
    while round < rounds || (faster && round < 3 * rounds) {
        (round, faster) = (round + 1, false);
        for (run, (runs, best)) in runners.iter_mut().zip(&mut lanes) {
            if now() >= deadline {
                return None;
            }
            let mut time = timed(run, *runs);
            // Too short to tell: something else held the machine up when the runs were counted.
            while time < stretch / 2.0 {
                if now() >= deadline || *runs > MOST {
                    return None;
                }
                *runs *= 2;
                time = timed(run, *runs);
            }
            let time = time / f64::from(*runs);
            faster |= time < 0.9 * *best;
            *best = best.min(time);
        }
    }
    Some(lanes.into_iter().map(|(_, best)| best).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_gets_its_own_time() {
        for tick in [0.001_f64, 0.1] {
            let clock = Cell::new(0.0);
            // Reading the clock takes time too.
            let now = || {
                clock.set(clock.get() + 0.0002);
                (clock.get() / tick).floor() * tick
            };
            let stretch = stretch(&now).unwrap();
            assert!((1.0..=1.3).contains(&stretch), "{stretch}");
            let run = |ms: f64| -> Box<dyn FnMut() + '_> {
                let clock = &clock;
                Box::new(move || clock.set(clock.get() + ms))
            };
            let times = race(&mut [run(0.03), run(0.02), run(2.5)], ROUNDS, stretch, &now, f64::INFINITY).unwrap();
            for (time, expected) in times.iter().zip([0.03, 0.02, 2.5]) {
                assert!((time - expected).abs() <= 0.11 * expected, "{times:?}");
            }
        }
    }

    #[test]
    fn a_clock_of_no_use_is_found_out() {
        assert_eq!(stretch(&|| 7.0), None);
        // One that was held up for 30 ms is a good one all the same.
        let (clock, readings) = (Cell::new(0.0), Cell::new(0));
        let held_up = || {
            readings.set(readings.get() + 1);
            clock.set(clock.get() + if readings.get() == 4 { 30.0 } else { 0.01 });
            clock.get()
        };
        assert_eq!(stretch(&held_up), Some(1.0));
        let clock = Cell::new(0.0);
        let coarse = || {
            clock.set(clock.get() + 0.01);
            (clock.get() / 16.0_f64).floor() * 16.0
        };
        assert_eq!(stretch(&coarse), None);
    }

    #[test]
    fn what_was_held_up_once_is_timed_all_the_same() {
        let (clock, runs) = (Cell::new(0.0), Cell::new(0));
        // The second run takes 50 ms, all others a hundredth.
        let run: Box<dyn FnMut()> = Box::new(|| {
            runs.set(runs.get() + 1);
            clock.set(clock.get() + if runs.get() == 2 { 50.0 } else { 0.01 });
        });
        let now = || (clock.get() * 10.0_f64).floor() / 10.0;
        let time = race(&mut [run], ROUNDS, 1.0, &now, f64::INFINITY).unwrap()[0];
        assert!((time - 0.01).abs() < 0.002, "{time}");
    }

    #[test]
    fn the_deadline_holds() {
        let clock = Cell::new(0.0);
        let now = || clock.get();
        let mut slow: [Box<dyn FnMut()>; 2] = std::array::from_fn(|_| Box::new(|| clock.set(clock.get() + 30.0)) as Box<dyn FnMut()>);
        assert_eq!(race(&mut slow, ROUNDS, 1.0, &now, 100.0), None);
        assert!(clock.get() <= 130.0, "{}", clock.get());
        // Nor does a clock that stops keep it.
        assert_eq!(race(&mut [Box::new(|| ())], ROUNDS, 1.0, &|| 0.0, 1.0), None);
    }
}
