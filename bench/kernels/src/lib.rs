//! The kernels one by one on the shapes that matter, and the machine's peaks, for the bench's page to time.
//!
//! The page asks for [`count`], chooses by [`name`], and times [`run`] after [`prepare`]. Names are addresses of UTF-8
//! in the module's memory, [`name_len`] bytes long; each begins with the unit of the work that `run` reports.

mod conv;
#[cfg(target_feature = "simd128")]
mod peaks;
mod shapes;

use std::cell::RefCell;

/// Does its work so many times over.
type Work = Box<dyn FnMut(u32)>;

/// Something to time.
struct Item {
    /// Unit of work, kernel, shape.
    name: String,
    /// Units of work of one run.
    work: f64,
    /// Allocates what it needs.
    prepare: Box<dyn Fn() -> Work>,
}

thread_local! {
    static ITEMS: RefCell<Vec<Item>> = RefCell::new(items());
    static PREPARED: RefCell<Option<(f64, Work)>> = const { RefCell::new(None) };
}

fn items() -> Vec<Item> {
    let mut items = Vec::new();
    #[cfg(target_feature = "simd128")]
    items.extend(peaks::items());
    items.extend(conv::items());
    items
}

/// How many items there are.
#[unsafe(no_mangle)]
pub extern "C" fn count() -> u32 {
    ITEMS.with_borrow(|items| items.len() as u32)
}

/// The address of an item's name; null if there is no such item.
#[unsafe(no_mangle)]
pub extern "C" fn name(index: u32) -> *const u8 {
    ITEMS.with_borrow(|items| items.get(index as usize).map_or(std::ptr::null(), |item| item.name.as_ptr()))
}

/// The length of an item's name in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn name_len(index: u32) -> u32 {
    ITEMS.with_borrow(|items| items.get(index as usize).map_or(0, |item| item.name.len() as u32))
}

/// Makes an item the one that [`run`] runs.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(index: u32) {
    let prepared = ITEMS.with_borrow(|items| items.get(index as usize).map(|item| (item.work, (item.prepare)())));
    PREPARED.set(prepared);
}

/// Runs the prepared item; the units of work done.
#[unsafe(no_mangle)]
pub extern "C" fn run(times: u32) -> f64 {
    PREPARED.with_borrow_mut(|prepared| {
        prepared.as_mut().map_or(0.0, |(work, run)| {
            run(times);
            *work * f64::from(times)
        })
    })
}
