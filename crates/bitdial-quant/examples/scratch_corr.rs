//! scratch
#[path = "../tests/models/files.rs"]
mod files;
#[path = "../tests/models/run.rs"]
mod run;
use bitdial_kernels::Backend;
use bitdial_protocol::*;
use bitdial_quant::*;
use files::{IMAGE, Model};
use run::{percent_equal, predictions};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug)]
pub struct Given(pub Vec<f32>);
impl Samples for Given {
    fn count(&self) -> usize {
        self.0.len() / IMAGE
    }
    fn batch(&self, first: usize, count: usize) -> Vec<f32> {
        self.0[first * IMAGE..(first + count) * IMAGE].to_vec()
    }
}

/// args: model, then recipes like w5t:cle,bias  (t tensor / c channel; suffix d dynamic, o weight only)
fn main() {
    let mut args = std::env::args().skip(1);
    let name: &'static str = Box::leak(args.next().unwrap().into_boxed_str());
    let n: usize = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let verbose = std::env::var("V").is_ok();
    let model = Model::named(name);
    let (images, labels) = (model.images("t10k"), model.labels("t10k"));
    let (images, labels) = (&images[..n * IMAGE], &labels[..n]);
    let calibration = model.images("calib");
    let drawn = draw_samples(calibration.len() / IMAGE, &Recipe::default().calibration);
    let drawn: Vec<f32> = drawn.into_iter().flat_map(|i| &calibration[i * IMAGE..][..IMAGE]).copied().collect();
    let f32p = predictions(&model.graph, images);
    println!("{name} f32 {:.2}", percent_equal(&f32p, labels));
    let graph = Arc::new(model.graph.clone());
    for arg in args {
        let (scheme, corrections) = arg.split_once(':').unwrap_or((&arg, ""));
        let b = scheme.as_bytes();
        let bits = b[1] - b'0';
        let granularity = if b[2] == b't' { Granularity::Tensor } else { Granularity::Channel };
        let mut recipe = Recipe::default();
        recipe.weights.bits = Bits::new(bits).unwrap();
        recipe.weights.granularity = granularity;
        match b.get(3) {
            Some(b'd') => recipe.activations.as_mut().unwrap().mode = ActivationMode::Dynamic,
            Some(b'o') => recipe.activations = None,
            _ => {}
        }
        if let Some(i) = scheme.find('a') {
            recipe.activations.as_mut().unwrap().bits = Bits::new(b[i + 1] - b'0').unwrap();
        }
        recipe.corrections =
            corrections.split(',').filter(|c| !c.is_empty()).map(|c| *Correction::ALL.iter().find(|x| x.name() == c).unwrap()).collect();
        let setup = Setup {
            backend: Backend::Scalar,
            samples: Some(Box::new(Given(drawn.clone()))),
            ranges: None,
            normalized: model.normalized.clone(),
        };
        let mut p = Pipeline::new(&graph, &recipe, setup).unwrap();
        let mut times: Vec<(&str, f64, f64)> = vec![];
        while !p.is_done() {
            let t = Instant::now();
            let pr = p.step(32).unwrap();
            assert!(pr.done <= pr.total && pr.total > 0, "{pr:?}");
            let ms = t.elapsed().as_secs_f64() * 1e3;
            match times.last_mut() {
                Some(l) if l.0 == pr.stage.name() => {
                    l.1 += ms;
                    l.2 = l.2.max(ms)
                }
                _ => times.push((pr.stage.name(), ms, ms)),
            }
        }
        let o = p.finish().unwrap();
        let acc = percent_equal(&predictions(&o.graph, images), labels);
        let f = if o.rescaled { format!(" f32' {:.2}", percent_equal(&predictions(&o.reference, images), labels)) } else { String::new() };
        println!(
            "{arg:24} {acc:.2}{f}  times {}",
            times.iter().map(|t| format!("{} {:.0} (max {:.0})", t.0, t.1, t.2)).collect::<Vec<_>>().join(", ")
        );
        for r in o.reports {
            println!("    {}", r.summary);
            if verbose {
                for e in r.entries {
                    println!("      {:40} {:50} {:.4} -> {:.4}", e.layer, e.figure, e.before, e.after);
                }
            }
        }
    }
}
