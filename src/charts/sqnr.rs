//! The colours of signal to noise: from amber, where weights suffer, to deep blue, where they do not.

use yew::prelude::*;

/// Decibels and colours, from worse to better; in between they blend. Told apart without red and green.
const STOPS: [(f32, [u8; 3]); 5] = [
    (8.0, [0xD0, 0x9A, 0x3A]),
    (16.0, [0x8F, 0x94, 0x5E]),
    (25.0, [0x3F, 0x7F, 0x86]),
    (34.0, [0x2F, 0x6B, 0x86]),
    (44.0, [0x24, 0x50, 0x7F]),
];
/// Below this, black ink is easier to read than white ink; either has a contrast of 4.5 on its side.
const DARK_INK: f32 = 25.0;

fn blend(db: f32) -> [u8; 3] {
    let after = STOPS.iter().position(|(stop, _)| db < *stop).unwrap_or(STOPS.len());
    if after == 0 || after == STOPS.len() {
        return STOPS[after.min(STOPS.len() - 1)].1;
    }
    let ((a, from), (b, to)) = (STOPS[after - 1], STOPS[after]);
    let t = (db - a) / (b - a);
    std::array::from_fn(|i| (f32::from(from[i]) * (1.0 - t) + f32::from(to[i]) * t).round() as u8)
}

/// Ground and ink of a layer; weights without noise are the best there are.
pub fn colour(db: Option<f32>) -> (String, &'static str) {
    let db = db.unwrap_or(f32::MAX);
    let [r, g, b] = blend(db);
    (format!("#{r:02x}{g:02x}{b:02x}"), if db < DARK_INK { "#000000" } else { "#ffffff" })
}

/// What the colours mean.
pub fn legend() -> Html {
    let (first, last) = (STOPS[0].0, STOPS[STOPS.len() - 1].0);
    let place = |db: f32| (db - first) / (last - first) * 100.0;
    let stops = STOPS.iter().map(|(db, _)| format!("{} {:.0}%", colour(Some(*db)).0, place(*db)));
    let gradient = format!("background:linear-gradient(90deg,{})", stops.collect::<Vec<_>>().join(","));
    html! {
        <div class="legend" role="img" aria-label="Colours: signal to noise of the weights, from 8 decibels or less in amber to 44 or more in deep blue">
            <span>{"noisy"}</span>
            <i style={gradient}></i>
            <span>{"faithful"}</span>
            <small>{"weight SQNR, 8 to 44 dB"}</small>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_blend_and_ink_stays_readable() {
        for (db, ground, ink) in [
            (Some(-5.0), "#d09a3a", "#000000"),
            (Some(16.0), "#8f945e", "#000000"),
            (Some(12.0), "#b0974c", "#000000"),
            (Some(60.0), "#24507f", "#ffffff"),
            (None, "#24507f", "#ffffff"),
        ] {
            assert_eq!(colour(db), (ground.to_owned(), ink), "{db:?}");
        }
        let light = |c: [u8; 3]| {
            // Relative luminance, as WCAG 2 has it.
            let f = |v: u8| match f64::from(v) / 255.0 {
                v if v <= 0.04045 => v / 12.92,
                v => ((v + 0.055) / 1.055).powf(2.4),
            };
            0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2])
        };
        let contrast = |a: f64, b: f64| (a.max(b) + 0.05) / (a.min(b) + 0.05);
        for db in 0..60 {
            let ground = light(blend(db as f32));
            let ink = if (db as f32) < DARK_INK { 0.0 } else { 1.0 };
            assert!(contrast(ground, ink) >= 4.5, "{db} dB: {:.2}", contrast(ground, ink));
        }
    }
}
