//! A QR code as a drawing: dark on light in every theme, so that it can be scanned.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};
use yew::prelude::*;

/// Light modules around the code, as the standard asks for.
const QUIET: i32 = 4;

/// The code of a text: its width in modules with the quiet zone, and its dark modules as a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// Width and height.
    pub side: i32,
    path: String,
}

impl Code {
    /// The code of a text; `None` if it is too long for any.
    pub fn of(text: &str) -> Option<Self> {
        let code = [QrCodeEcc::Medium, QrCodeEcc::Low].into_iter().find_map(|ecc| QrCode::encode_text(text, ecc).ok())?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                // Dark modules side by side are one rectangle: no seams between them.
                let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count() as i32;
                if run > 0 {
                    let _ = write!(path, "M{},{}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run.max(1);
            }
        }
        Some(Self { side: code.size() + 2 * QUIET, path })
    }

    /// On the page.
    pub fn view(&self, label: &'static str) -> Html {
        html! {
            <svg class="qr" viewBox={format!("0 0 {0} {0}", self.side)} shape-rendering="crispEdges" role="img" aria-label={label}>
                <rect width="100%" height="100%" fill="#fff" />
                <path d={self.path.clone()} fill="#000" />
            </svg>
        }
    }

    /// As a file: eight pixels a module.
    pub fn svg(&self) -> String {
        let (side, pixels, path) = (self.side, self.side * 8, &self.path);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_once() {
        let text = "https://example.org/bitdial/#v=1&model=digits&w=4";
        let (code, drawn) = (QrCode::encode_text(text, QrCodeEcc::Medium).unwrap(), Code::of(text).unwrap());
        let mut dark = vec![0; (drawn.side * drawn.side) as usize];
        for part in drawn.path.split('M').skip(1) {
            let (x, rest) = part.split_once(',').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let run = rest.split_once('v').unwrap().0.parse::<i32>().unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            (x..x + run).for_each(|x| dark[(y * drawn.side + x) as usize] += 1);
        }
        for y in 0..drawn.side {
            for x in 0..drawn.side {
                // Outside of the code every module is light.
                assert_eq!(dark[(y * drawn.side + x) as usize], i32::from(code.get_module(x - QUIET, y - QUIET)), "{x} {y}");
            }
        }
        assert!(drawn.svg().contains("fill=\"#fff\"") && drawn.svg().contains(&drawn.path));
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert!(Code::of(&"a".repeat(2_953)).is_some() && Code::of(&"a".repeat(2_954)).is_none());
    }
}
