//! Times: their spread, and a race of several runners that takes turns.

use bitdial_protocol::Timing;

use crate::backend::Now;
use crate::progress::Progress;

/// Uncounted runs of each runner before the first counted one.
const WARM_UP: u32 = 3;

/// A counted run repeats until it has lasted this long, in milliseconds: a browser's clock ticks every 0.1 ms when a
/// page is not cross-origin isolated, which is then 2.5 % at most of what is measured.
const SHORTEST: f64 = 4.0;

/// Most repetitions of one counted run.
const MOST: u32 = 1 << 10;

/// The same for a part of a model: there are many of them, and some are over within a microsecond.
const PART: (f64, u32) = (0.8, 1 << 20);

/// Median and tenth and ninetieth percentile of some times; zeros without any.
#[must_use]
pub fn spread(times: &[f64]) -> Timing {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |p| percentile(&sorted, p);
    Timing { median: at(0.5), p10: at(0.1), p90: at(0.9), runs: times.len() as u32 }
}

/// Linear interpolation between the two nearest ranks (Hyndman & Fan 1996, definition 7).
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let rank = p * last as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (rank - rank.floor())
}

/// Several runners timed in turn, so that whatever slows the machine down for a while meets all of them alike.
#[derive(Debug)]
pub struct Race {
    lanes: Vec<Lane>,
    runs: u32,
    turn: usize,
    shortest: f64,
    most: u32,
}

#[derive(Debug, Default)]
struct Lane {
    warm: u32,
    /// Runs in one counted run; 0 until it is known.
    repeat: u32,
    times: Vec<f64>,
}

impl Lane {
    /// Repetitions beyond `repeat` of the next counted run: 0 to 4 in turn. A tick of the clock is then another time
    /// for each, and the median is finer than all of them.
    fn dither(&self) -> u32 {
        if self.repeat < 8 { 0 } else { (self.times.len() % 5) as u32 }
    }
}

impl Race {
    /// A race of `runners` runners with `runs` counted runs each.
    #[must_use]
    pub fn new(runners: usize, runs: u32) -> Self {
        let lanes = (0..runners).map(|_| Lane::default()).collect();
        Self { lanes, runs: runs.max(1), turn: 0, shortest: SHORTEST, most: MOST }
    }

    /// One runner alone, that is a part of something longer.
    #[must_use]
    pub(crate) fn part(runs: u32) -> Self {
        let (shortest, most) = PART;
        Self { shortest, most, ..Self::new(1, runs) }
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let done = self.lanes.iter().map(|lane| lane.times.len().min(self.runs as usize)).sum();
        Progress { done, total: self.lanes.len() * self.runs as usize }
    }

    /// The next turn of the next runner: `run(i, n)` is `n` inferences of runner `i`, which may tell the milliseconds that
    /// they took by a clock of its own; `now` is the clock for those that do not.
    ///
    /// # Errors
    /// What `run` returns.
    pub async fn step<E>(&mut self, run: &mut impl AsyncFnMut(usize, u32) -> Result<Option<f64>, E>, now: Now<'_>) -> Result<Progress, E> {
        if self.progress().is_done() {
            return Ok(self.progress());
        }
        // Whoever had to run again is behind the others, which wait when they have all their runs.
        let behind = |lane: usize| self.lanes[lane].times.len() < self.runs as usize;
        let mut turns = (self.turn..self.lanes.len()).chain(0..self.turn);
        let index = turns.find(|&lane| behind(lane)).unwrap_or(self.turn);
        self.turn = (index + 1) % self.lanes.len();
        let lane = &mut self.lanes[index];
        if lane.warm < WARM_UP {
            run(index, 1).await?;
            lane.warm += 1;
            return Ok(self.progress());
        }
        if lane.repeat == 0 {
            lane.repeat = repetitions(run, index, self.shortest, self.most, now).await?;
        }
        let repeat = lane.repeat + lane.dither();
        let time = timed(run, index, repeat, now).await?;
        if time < self.shortest / 2.0 && lane.repeat < self.most {
            // Something else held the machine up when repetitions were counted: these are too few for the clock.
            lane.repeat *= 2;
        } else {
            lane.times.push(time / f64::from(repeat));
        }
        Ok(self.progress())
    }

    /// The times of one runner, of as many runs as there were.
    pub(crate) fn timing(&self, runner: usize) -> Timing {
        self.lanes.get(runner).map_or_else(|| spread(&[]), |lane| spread(&lane.times))
    }

    /// The shortest of them; 0 without any.
    pub(crate) fn shortest(&self, runner: usize) -> f64 {
        self.lanes.get(runner).and_then(|lane| lane.times.iter().copied().min_by(f64::total_cmp)).unwrap_or(0.0)
    }

    /// Their median.
    pub(crate) fn median(&self, runner: usize) -> f64 {
        self.timing(runner).median
    }

    /// The times of each runner, of as many runs as there were.
    #[must_use]
    pub fn finish(self) -> Vec<Timing> {
        self.lanes.iter().map(|lane| spread(&lane.times)).collect()
    }
}

/// How often to run, at `most`, for the clock to show at least `shortest` milliseconds, found by doubling.
async fn repetitions<E>(
    run: &mut impl AsyncFnMut(usize, u32) -> Result<Option<f64>, E>,
    index: usize,
    shortest: f64,
    most: u32,
    now: Now<'_>,
) -> Result<u32, E> {
    let mut repeat = 1;
    while timed(run, index, repeat, now).await? < shortest && repeat < most {
        repeat *= 2;
    }
    Ok(repeat)
}

/// What some runs took, in milliseconds.
async fn timed<E>(
    run: &mut impl AsyncFnMut(usize, u32) -> Result<Option<f64>, E>,
    index: usize,
    times: u32,
    now: Now<'_>,
) -> Result<f64, E> {
    let start = now();
    let own = run(index, times).await?;
    Ok(own.unwrap_or_else(|| now() - start))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nothing waits")
    }

    #[test]
    fn percentiles_interpolate() {
        for (times, median, p10, p90) in [
            (vec![], 0.0, 0.0, 0.0),
            (vec![3.0], 3.0, 3.0, 3.0),
            (vec![2.0, 1.0], 1.5, 1.1, 1.9),
            ((0..=10).rev().map(f64::from).collect(), 5.0, 1.0, 9.0),
        ] {
            let t = spread(&times);
            assert_eq!((t.median, t.p10, t.p90, t.runs), (median, p10, p90, times.len() as u32));
        }
    }

    #[test]
    fn runners_take_turns_and_get_their_own_time() {
        let (clock, order) = (Cell::new(0.0), std::cell::RefCell::new(Vec::new()));
        let costs = [0.25, 3.0];
        let mut run = async |i: usize, times: u32| {
            clock.set(clock.get() + costs[i] * f64::from(times));
            order.borrow_mut().extend(vec![i; times as usize]);
            Ok::<_, ()>(None)
        };
        let mut race = Race::new(2, 5);
        while !now(race.step(&mut run, &|| clock.get())).unwrap().is_done() {}
        // Three warm-up turns each; then the quick runner's 1, 2, 4, 8, 16 trial runs and 16 counted as one, then the
        // slow one's 1 and 2, and 2 counted as one.
        let mut expected = [0, 1].repeat(3);
        expected.extend([0].repeat(31 + 16));
        expected.extend([1].repeat(3 + 2));
        assert_eq!(order.borrow()[..expected.len()], expected);
        let times = race.finish();
        assert_eq!(times.iter().map(|t| (t.median, t.runs)).collect::<Vec<_>>(), [(0.25, 5), (3.0, 5)]);
    }

    #[test]
    fn a_coarse_clock_still_tells_times_apart() {
        let measure = |cost: f64| {
            let clock = Cell::new(0.0);
            let mut race = Race::new(1, 50);
            let mut run = async |_, times: u32| {
                clock.set(clock.get() + cost * f64::from(times));
                Ok::<_, ()>(None)
            };
            // A tenth of a millisecond, as in a browser.
            while !now(race.step(&mut run, &|| (clock.get() * 10.0_f64).floor() / 10.0)).unwrap().is_done() {}
            race.finish()[0].median
        };
        for cost in [0.05, 0.0873, 0.25, 0.2525, 0.9] {
            let found = measure(cost);
            assert!((found - cost).abs() < 0.015 * cost, "{cost} ms: {found}");
        }
    }

    #[test]
    fn what_was_held_up_once_is_timed_all_the_same() {
        let (clock, runs) = (Cell::new(0.0), Cell::new(0));
        // The first run after those that warm up takes 50 ms, all others a hundredth.
        let mut run = async |_, times: u32| {
            for _ in 0..times {
                runs.set(runs.get() + 1);
                clock.set(clock.get() + if runs.get() == 4 { 50.0 } else { 0.01 });
            }
            Ok::<_, ()>(None)
        };
        let mut race = Race::new(1, 9);
        while !now(race.step(&mut run, &|| (clock.get() * 10.0_f64).floor() / 10.0)).unwrap().is_done() {}
        let found = race.finish()[0].median;
        assert!((found - 0.01).abs() < 0.0005, "{found}");
    }

    #[test]
    fn every_runner_has_all_its_runs() {
        let (clock, runs) = (Cell::new(0.0), Cell::new(0));
        // The second runner is held up when its repetitions are counted.
        let mut run = async |i: usize, times: u32| {
            for _ in 0..times {
                runs.set(runs.get() + i);
                clock.set(clock.get() + if i == 1 && runs.get() == 4 { 50.0 } else { 0.1 });
            }
            Ok::<_, ()>(None)
        };
        let mut race = Race::new(2, 3);
        while !now(race.step(&mut run, &|| clock.get())).unwrap().is_done() {}
        assert_eq!(race.finish().iter().map(|t| t.runs).collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn a_runners_own_clock_counts() {
        let mut race = Race::new(1, 3);
        while !now(race.step(&mut async |_, times: u32| Ok::<_, ()>(Some(f64::from(times) * 0.5)), &|| 0.0)).unwrap().is_done() {}
        assert_eq!(race.finish()[0].median, 0.5);
    }

    #[test]
    fn a_clock_that_stands_still_ends_too() {
        let mut race = Race::new(1, 1);
        while !now(race.step(&mut async |_, _| Ok::<_, ()>(None), &|| 0.0)).unwrap().is_done() {}
        assert_eq!(race.finish()[0].median, 0.0);
    }

    #[test]
    fn a_runner_that_fails_stops_the_race() {
        let mut race = Race::new(1, 1);
        assert_eq!(now(race.step(&mut async |_, _| Err("no"), &|| 0.0)), Err("no"));
        assert!(Race::new(0, 3).progress().is_done());
    }
}
