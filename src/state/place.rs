//! Where a reader is: in the list of lessons, or at a step of one; and how the address says it.

/// A place among the lessons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The list.
    List,
    /// A step of a lesson.
    Step {
        /// The lesson's name.
        name: String,
        /// The step, from 0.
        step: usize,
    },
}

/// Names of files end up in requests: nothing but this goes there.
fn is_name(name: &str) -> bool {
    (1..=60).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl Place {
    /// The first step of a lesson.
    pub fn first(name: &str) -> Self {
        Self::Step { name: name.to_owned(), step: 0 }
    }

    /// As the fragment of an address has it, before the link.
    pub fn to_fragment(&self) -> String {
        match self {
            Self::List => "lesson=&".to_owned(),
            Self::Step { name, step } => format!("lesson={name}&step={}&", step + 1),
        }
    }
}

/// Takes the place out of a fragment; what is left is a link's. A name that cannot be one opens the list.
pub fn split(fragment: &str) -> (Option<Place>, String) {
    let (mut name, mut step) = (None, 0_usize);
    let mut rest = Vec::new();
    for part in fragment.trim_start_matches('#').split('&') {
        match part.split_once('=') {
            Some(("lesson", value)) => name = Some(value),
            Some(("step", value)) => step = value.parse().unwrap_or_default(),
            _ if part.is_empty() => {}
            _ => rest.push(part),
        }
    }
    let place = name.map(|name| match name {
        name if is_name(name) => Place::Step { name: name.to_owned(), step: step.saturating_sub(1) },
        _ => Place::List,
    });
    (place, rest.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_into_an_address_and_comes_back() {
        let at = |name: &str, step| Some(Place::Step { name: name.into(), step });
        for (fragment, place, rest) in [
            ("", None, ""),
            ("#v=1&w=4", None, "v=1&w=4"),
            ("#lesson=", Some(Place::List), ""),
            ("#lesson=bits", at("bits", 0), ""),
            ("lesson=bits&step=3&v=1&w=4", at("bits", 2), "v=1&w=4"),
            ("w=4&step=0&lesson=a-1", at("a-1", 0), "w=4"),
            ("lesson=a&step=-3", at("a", 0), ""),
            ("lesson=a&step=99999999999999999999", at("a", 0), ""),
            ("lesson=../../secret&w=2", Some(Place::List), "w=2"),
            ("lesson=<b>", Some(Place::List), ""),
        ] {
            assert_eq!(split(fragment), (place.clone(), rest.to_owned()), "{fragment}");
            if let Some(place) = place {
                assert_eq!(split(&format!("{}{rest}", place.to_fragment())).0, Some(place));
            }
        }
    }
}
