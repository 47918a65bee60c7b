//! How busy other processes keep the machine, from Linux's /proc.

use std::collections::HashMap;
use std::fs;

/// The processors' and our own times, in ticks since some moment.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// All processors together, idle or not.
    total: u64,
    busy: u64,
    /// This process and all that descend from it.
    ours: u64,
    cores: u64,
}

impl Noise {
    /// What stands there now; `None` where there is no such file.
    pub fn now() -> Option<Self> {
        let (total, busy, cores) = processors(&fs::read_to_string("/proc/stat").ok()?)?;
        let mut processes = HashMap::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that ended meanwhile is none.
            if let Some(process) = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(process) {
                processes.insert(id, process);
            }
        }
        Some(Self { total, busy, ours: ticks(&processes, std::process::id()), cores })
    }

    /// The cores that others used since `before`.
    pub fn since(self, before: Self) -> f64 {
        let busy = self.busy.saturating_sub(before.busy) as f64;
        let ours = self.ours.saturating_sub(before.ours) as f64;
        let total = self.total.saturating_sub(before.total).max(1) as f64;
        ((busy - ours) / total * self.cores as f64).max(0.0)
    }
}

/// Ticks in all, busy ticks (what a hypervisor took included) and how many cores, from /proc/stat.
fn processors(stat: &str) -> Option<(u64, u64, u64)> {
    let cores = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count() as u64;
    // user, nice, system, idle, iowait, irq, softirq, steal
    let times: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).take(8).filter_map(|t| t.parse().ok()).collect();
    let total = times.iter().sum::<u64>();
    Some((total, total - times.get(3)? - times.get(4)?, cores))
}

/// The parent and the ticks of a process, from its stat; its name may hold spaces and brackets.
fn process(stat: &str) -> Option<(u32, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<u64>().ok();
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
}

/// The ticks of a process and of all that descend from it.
fn ticks(processes: &HashMap<u32, (u32, u64)>, root: u32) -> u64 {
    let is_ours = |mut id: u32| {
        // No deeper than there are processes, should a number be reused meanwhile.
        for _ in 0..processes.len() {
            if id == root {
                return true;
            }
            let Some((parent, _)) = processes.get(&id) else { return false };
            id = *parent;
        }
        false
    };
    processes.iter().filter(|(id, _)| is_ours(**id)).map(|(_, (_, ticks))| ticks).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read() {
        let stat = "cpu  100 1 20 1000 9 2 3 5 0 0\ncpu0 50 0 10 500 4 1 1 2 0 0\ncpu1 50 1 10 500 5 1 2 3 0 0\nintr 1\n";
        assert_eq!(processors(stat), Some((1140, 131, 2)));
        assert_eq!(processors(""), None);
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (a (b) c) S 7 1 1 0 -1 0 1 2 3 4 30 12 0 0 20 0";
        assert_eq!(process(stat), Some((7, 42)));
        assert_eq!(process("nonsense"), None);
    }

    #[test]
    fn descendants_count_as_ours() {
        let processes = HashMap::from([(1, (0, 1)), (10, (1, 2)), (11, (10, 4)), (12, (11, 8)), (20, (1, 16))]);
        assert_eq!(ticks(&processes, 10), 14);
        assert_eq!(ticks(&processes, 99), 0);
    }

    #[test]
    fn what_others_use_is_what_is_left() {
        let before = Noise { total: 1000, busy: 500, ours: 100, cores: 2 };
        for (busy, ours, expected) in [(600, 200, 0.0), (650, 200, 0.5), (600, 210, 0.0)] {
            assert_eq!(Noise { total: 1200, busy, ours, cores: 2 }.since(before), expected);
        }
    }
}
