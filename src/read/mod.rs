//! Reads answers of workers and JSON files into types.
//!
//! Reading never stops: what does not fit is noted, and a default stands in for it until the whole is refused. Code that
//! gives up at each field, as serde generates it, took 95 kB of the page's 675.

mod files;
mod protocol;
mod recipe;
mod source;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use source::Source;

/// What can be read.
pub trait Read: Sized {
    /// The value, or something in its place, with a fault noted.
    fn read<S: Source>(from: &Reader<S>) -> Self;
}

/// What is read together.
struct Log {
    /// Whether names that do not belong there are faults.
    strict: bool,
    /// The first fault.
    fault: RefCell<Option<String>>,
}

/// A value to be read, and where it stands.
pub struct Reader<'a, S> {
    value: S,
    name: &'a str,
    within: Option<&'a Reader<'a, S>>,
    log: &'a Log,
}

/// Reads a value. `strict` refuses names that do not belong there.
///
/// # Errors
/// What is wrong first, and where.
pub fn read<S: Source, T>(value: S, strict: bool, all: impl FnOnce(&Reader<S>) -> T) -> Result<T, String> {
    let log = Log { strict, fault: RefCell::default() };
    let found = all(&Reader { value, name: "", within: None, log: &log });
    match log.fault.into_inner() {
        None => Ok(found),
        Some(fault) => Err(fault),
    }
}

impl<S: Source> Reader<'_, S> {
    /// Notes what is wrong.
    fn fault(&self, reason: &str) {
        let mut text = reason.to_owned();
        let mut at = Some(self);
        while let Some(Reader { name, within, .. }) = at {
            if !name.is_empty() {
                text.insert_str(0, ": ");
                text.insert_str(0, name);
            }
            at = *within;
        }
        self.log.fault.borrow_mut().get_or_insert(text);
    }

    fn at<'a>(&'a self, name: &'a str, value: S) -> Reader<'a, S> {
        Reader { value, name, within: Some(self), log: self.log }
    }

    /// Whether there is something under a name.
    pub fn has(&self, name: &str) -> bool {
        self.value.property(name).is_some()
    }

    /// What stands under a name.
    pub fn part<'a>(&'a self, name: &'a str) -> Reader<'a, S> {
        self.at(name, self.value.property(name).unwrap_or_else(S::nothing))
    }

    /// What stands under a name, read.
    pub fn field<T: Read>(&self, name: &str) -> T {
        T::read(&self.part(name))
    }

    /// The same, where it may be missing.
    fn field_or<T: Read>(&self, name: &str, default: T) -> T {
        match self.value.property(name) {
            Some(value) => T::read(&self.at(name, value)),
            None => default,
        }
    }

    /// Says that it is a structure of these names.
    fn structure(&self, names: &[&str]) {
        if !self.value.is_structure() {
            self.fault("expected an object");
        } else if self.log.strict {
            for name in self.value.names() {
                position(&name, names, self);
            }
        }
    }

    /// Which of these names it is.
    fn choice(&self, names: &[&str]) -> usize {
        position(&self.value.text().unwrap_or_default(), names, self)
    }

    /// What stands at a place of a list of `length`.
    fn item(&self, index: u32, length: u32) -> Reader<'_, S> {
        let fits = self.value.length() == Some(length);
        if !fits {
            self.fault("expected a list of another length");
        }
        self.at("", if fits { self.value.item(index) } else { S::nothing() })
    }

    /// A whole number from 0 to `most`.
    fn whole(&self, most: f64) -> f64 {
        // Beyond 2^53 a number of JavaScript is not exact.
        let number = self.value.number().filter(|number| (0.0..=most).contains(number) && *number as u64 as f64 == *number);
        number.unwrap_or_else(|| {
            self.fault(&format!("expected a whole number from 0 to {most:.0}"));
            0.0
        })
    }
}

/// Where a name stands among those that there are.
fn position<S: Source>(name: &str, all: &[&str], from: &Reader<S>) -> usize {
    all.iter().position(|other| *other == name).unwrap_or_else(|| {
        from.fault(&["unknown name \u{201c}", name, "\u{201d}, expected ", &all.join(", ")].concat());
        0
    })
}

macro_rules! whole {
    ($($type:ty = $most:expr;)*) => {
        $(impl Read for $type {
            fn read<S: Source>(from: &Reader<S>) -> Self {
                from.whole($most) as Self
            }
        })*
    };
}

whole! {
    u8 = 255.0;
    u16 = 65_535.0;
    u32 = 4_294_967_295.0;
    u64 = 9_007_199_254_740_992.0;
    usize = 4_294_967_295.0;
}

impl Read for f64 {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.value.number().unwrap_or_else(|| {
            from.fault("expected a number");
            0.0
        })
    }
}

impl Read for f32 {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        f64::read(from) as Self
    }
}

impl Read for bool {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.value.truth().unwrap_or_else(|| {
            from.fault("expected true or false");
            false
        })
    }
}

impl Read for String {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        from.value.text().unwrap_or_else(|| {
            from.fault("expected a text");
            Self::new()
        })
    }
}

/// Nothing and what is missing are the same.
impl<T: Read> Read for Option<T> {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        (!from.value.is_nothing()).then(|| T::read(from))
    }
}

impl<T: Read> Read for Rc<T> {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        Self::new(T::read(from))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        let length = from.value.length().unwrap_or_else(|| {
            from.fault("expected a list");
            0
        });
        (0..length).map(|index| T::read(&from.at("", from.value.item(index)))).collect()
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        (A::read(&from.item(0, 2)), B::read(&from.item(1, 2)))
    }
}

impl<const N: usize> Read for [usize; N] {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        std::array::from_fn(|index| usize::read(&from.item(index as u32, N as u32)))
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read<S: Source>(from: &Reader<S>) -> Self {
        if !from.value.is_structure() {
            from.fault("expected an object");
            return Self::new();
        }
        // Collecting would sort first, in 4 kB of code.
        let mut all = Self::new();
        for name in from.value.names() {
            let value = from.field(&name);
            all.insert(name, value);
        }
        all
    }
}

/// Structures that have all of their fields.
macro_rules! structures {
    ($($type:ident { $($field:ident $(as $name:literal)?),* })*) => {
        $(impl $crate::read::Read for $type {
            fn read<S: $crate::read::Source>(from: &$crate::read::Reader<S>) -> Self {
                from.structure(&[$($crate::read::named!($field $($name)?)),*]);
                Self { $($field: from.field($crate::read::named!($field $($name)?))),* }
            }
        })*
    };
}

/// Structures that have defaults.
macro_rules! defaults {
    ($($type:ident { $($field:ident),* })*) => {
        $(impl $crate::read::Read for $type {
            fn read<S: $crate::read::Source>(from: &$crate::read::Reader<S>) -> Self {
                from.structure(&[$(stringify!($field)),*]);
                let Self { $($field),* } = Self::default();
                Self { $($field: from.field_or(stringify!($field), $field)),* }
            }
        })*
    };
}

/// Values by name.
macro_rules! names {
    ($($type:ident { $($name:literal $value:ident),* })*) => {
        $(impl $crate::read::Read for $type {
            fn read<S: $crate::read::Source>(from: &$crate::read::Reader<S>) -> Self {
                [$(Self::$value),*][from.choice(&[$($name),*])]
            }
        })*
    };
}

/// What a field is called.
macro_rules! named {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

use {defaults, named, names, structures};
