//! What lessons and glossaries become, and what is said of those that are wrong.

use bitdial_lessons::{Folder, check, glossary, lesson};
use bitdial_protocol::{Answer, Block, Fault, Figure, Inline, LessonStep};
use proptest::prelude::*;

const MODELS: [&str; 2] = ["fashion-mobilenet", "digits"];

const WHOLE: &str = r##"+++
title = "One scale"
summary = "Too few."
minutes = 6
+++

Before the *first* step.

## A step

```toml step
recipe = "model=digits&w=4&layers=%2Fconv1%2FConv~w8"
point = "layer"
layer = "/conv1/Conv"
tab = "draw"
```

It has {accuracy} % of {accuracy-f32}, a [zero point](), `{code}` and {no figure}.
See [the paper](https://arxiv.org/abs/1712.05877) and [the next](#lesson=next).

1. one
2. two

   more

| a | b |
|---|--:|
| 1 | **2** |

![A plot](assets/plot.svg)

```text
as it is {accuracy}
```

## Another

```toml question
ask = "What happens?"
recipe = "w=2"
figure = "accuracy-change"
because = """
It lost {accuracy-change} points,
[clipping]() did it."""
answers = [
  { text = "Nothing", from = -1.0 },
  { text = "Much", to = -1 },
]
```
"##;

fn text(words: &str) -> Inline {
    Inline::Text(words.into())
}

fn step(text: &str) -> LessonStep {
    let lesson = lesson("a.md", &format!("+++\ntitle = \"t\"\n+++\n## s\n{text}\n"), &MODELS).unwrap();
    lesson.steps.into_iter().next().unwrap()
}

#[test]
fn a_lesson_becomes_what_it_says() {
    let lesson = lesson("one.md", WHOLE, &MODELS).unwrap();
    assert_eq!((&*lesson.title, &*lesson.summary, lesson.minutes), ("One scale", "Too few.", 6));
    let intro = vec![text("Before the "), Inline::Emphasis(vec![text("first")]), text(" step.")];
    assert_eq!(lesson.intro, [Block::Paragraph(intro)]);
    let [first, second] = &lesson.steps[..] else { panic!("{} steps", lesson.steps.len()) };
    assert_eq!((&*first.title, first.point.as_deref(), first.tab.as_deref()), ("A step", Some("layer"), Some("draw")));
    assert_eq!((first.layer.as_deref(), &first.question), (Some("/conv1/Conv"), &None));
    let link = |href: &str, external, words| Inline::Link { href: href.into(), external, text: vec![text(words)] };
    let expected = [
        Block::Paragraph(vec![
            text("It has "),
            Inline::Figure(Figure::Accuracy),
            text(" % of "),
            Inline::Figure(Figure::AccuracyF32),
            text(", a "),
            Inline::Term { key: "zero point".into(), text: vec![text("zero point")] },
            text(", "),
            Inline::Code("{code}".into()),
            text(" and {no figure}. See "),
            link("https://arxiv.org/abs/1712.05877", true, "the paper"),
            text(" and "),
            link("#lesson=next", false, "the next"),
            text("."),
        ]),
        Block::List {
            start: Some(1),
            items: vec![
                vec![Block::Paragraph(vec![text("one")])],
                vec![Block::Paragraph(vec![text("two")]), Block::Paragraph(vec![text("more")])],
            ],
        },
        Block::Table {
            head: vec![vec![text("a")], vec![text("b")]],
            rows: vec![vec![vec![text("1")], vec![Inline::Strong(vec![text("2")])]]],
        },
        Block::Paragraph(vec![Inline::Image { src: "assets/plot.svg".into(), alt: "A plot".into() }]),
        Block::Code("as it is {accuracy}".into()),
    ];
    assert_eq!(first.text, expected);
    let question = second.question.as_ref().unwrap();
    assert_eq!((question.figure, question.recipe.as_deref()), (Figure::AccuracyChange, Some("w=2")));
    let answer = |text: &str, from, to| Answer { text: text.into(), from, to };
    assert_eq!(question.answers, [answer("Nothing", Some(-1.0), None), answer("Much", None, Some(-1.0))]);
    assert!(question.answers[0].holds(-1.0) && !question.answers[1].holds(-1.0) && question.answers[1].holds(-1.1));
    assert_eq!(question.because.len(), 1);
}

#[test]
fn html_is_text() {
    let paragraph = |words: &str| vec![Block::Paragraph(vec![text(words)])];
    assert_eq!(step("<script>alert(1)</script>").text, paragraph("<script>alert(1)</script>"));
    assert_eq!(step("a <img src=x onerror=alert(1)> b").text, paragraph("a <img src=x onerror=alert(1)> b"));
    assert_eq!(step("&lt;b&gt; \\*").text, paragraph("<b> *"));
}

#[test]
fn line_ends_and_marks_of_byte_order_do_not_matter() {
    let other = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
    assert_eq!(lesson("a.md", &other, &MODELS), lesson("a.md", WHOLE, &MODELS));
}

/// A lesson whose only step has this in it, from line 5 on.
fn body(text: &str) -> String {
    format!("+++\ntitle = \"t\"\n+++\n## s\n{text}\n")
}

fn asked(rest: &str) -> String {
    body(&format!("```toml question\nask = \"?\"\nfigure = \"flips\"\nbecause = \"so\"\n{rest}\n```"))
}

#[test]
fn every_fault_has_its_line_and_reason() {
    let two = "answers = [{ text = \"a\", to = 1 }, { text = \"b\", from = 1 }]";
    let cases: Vec<(String, u32, &str)> = vec![
        ("".into(), 1, "begins with a line +++"),
        ("<!doctype html>\n".into(), 1, "begins with a line +++"),
        ("+++\ntitle = \"t\"\n".into(), 1, "not closed"),
        ("+++\n+++\n## s\nx\n".into(), 2, "A lesson needs title"),
        ("+++\ntitle = \" \"\n+++\n## s\nx\n".into(), 2, "title is empty"),
        ("+++\ntitle = 3\n+++\n## s\nx\n".into(), 2, "title takes text in quotes, not a number"),
        ("+++\ntitle = \"t\"\ntitel = \"t\"\n+++\n## s\nx\n".into(), 3, "no key \u{201c}titel\u{201d}"),
        ("+++\ntitle = \"t\"\nminutes = 0\n+++\n## s\nx\n".into(), 3, "minutes are 1 to 240"),
        ("+++\ntitle = \"t\"\nminutes = \"six\"\n+++\n## s\nx\n".into(), 3, "minutes takes a number"),
        ("+++\ntitle = \"t\"\nminutes = = 2\n+++\n## s\nx\n".into(), 3, "This is not TOML"),
        ("+++\ntitle = \"t\"\n+++\n\nwords\n".into(), 4, "There is no step"),
        (body(""), 4, "says nothing"),
        (body("# Title\n\nwords"), 5, "title is in the front matter"),
        (body("words\n##\nwords"), 6, "has no title"),
        (body("words\n\n```toml step\npint = \"layer\"\n```"), 8, "no key \u{201c}pint\u{201d} here; there are recipe, point, layer, tab"),
        (body("words\n\n```toml step\n\npoint = \"moon\"\n```"), 9, "no part \u{201c}moon\u{201d}"),
        (body("words\n\n```toml step\ntab = \"tabs\"\n```"), 8, "no tab \u{201c}tabs\u{201d}"),
        (body("words\n\n```toml step\nrecipe = \"w=99\"\n```"), 8, "says w=\u{201c}99\u{201d}"),
        (body("words\n\n```toml step\nrecipe = \"bits=4\"\n```"), 8, "no key \u{201c}bits\u{201d}"),
        (body("words\n\n```toml step\nrecipe = \"w=4&w=5\"\n```"), 8, "says \u{201c}w\u{201d} twice"),
        (body("words\n\n```toml step\nrecipe = \"v=2&w=5\"\n```"), 8, "version"),
        (body("words\n\n```toml step\nrecipe = \"model=moon\"\n```"), 8, "model=\u{201c}moon\u{201d}"),
        (body("words\n\n```toml step\n```\n\n```toml step\n```"), 10, "has settings already"),
        (body("words\n\n```toml stop\n```"), 7, "no \u{201c}stop\u{201d} settings"),
        (body("- words\n\n  ```toml step\n  ```"), 7, "by themselves"),
        ("+++\ntitle = \"t\"\n+++\n\n```toml step\n```\n\n## s\nx\n".into(), 5, "before the first step"),
        (body("words\n\n```toml step\nlayer = \"a\"\n\n## next\n\nwords"), 7, "not closed"),
        (body("words\n\n```\ncode"), 7, "not closed"),
        (asked(two).replace("ask = \"?\"", ""), 6, "A question needs ask"),
        (asked(two).replace("because = \"so\"", ""), 6, "A question needs because"),
        (asked(two).replace("figure = \"flips\"", ""), 6, "A question needs figure"),
        (asked(two).replace("flips", "flops"), 7, "no figure \u{201c}flops\u{201d}"),
        (asked(two).replace("so", "so {flops}"), 8, "no figure {flops}"),
        (asked(""), 6, "2 to 5 answers; this one has 0"),
        (asked("answers = 3"), 9, "answers takes a list, not a number"),
        (asked("answers = [3, 4]"), 9, "here is a number"),
        (asked("answers = [{ text = \"a\", to = 1 }]"), 6, "this one has 1"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ text = \"b\" }]"), 11, "needs a range"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ from = 1 }]"), 11, "An answer needs text"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ text = \"b\", from = 2, to = 2 }]"), 11, "range is empty"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ text = \"b\", from = 0 }]"), 11, "overlaps with that of \u{201c}a\u{201d}"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ text = \"b\", from = nan }]"), 11, "from takes a number"),
        (asked("answers = [\n{ text = \"a\", to = 1 },\n{ text = \"b\", from = 1, points = 3 }]"), 11, "no key \u{201c}points\u{201d}"),
        (body(&format!("{}\n\n{}", &asked(two)[22..], &asked(two)[22..])), 15, "has a question already"),
        (body("words\nand {acuracy}"), 6, "no figure {acuracy}"),
        (body("words\n[x](javascript:alert(1))"), 6, "begins with https://"),
        (body("[x](JaVaScRiPt:alert(1))"), 5, "begins with https://"),
        (body("[x](data:text/html,x)"), 5, "begins with https://"),
        (body("[x](//elsewhere.org)"), 5, "begins with https://"),
        (body("[x](</\\elsewhere.org>)"), 5, "begins with https://"),
        (body("[x](<java\tscript:alert(1)>)"), 5, "begins with https://"),
        (body("[x](&#106;avascript:alert(1))"), 5, "begins with https://"),
        (body("<javascript:alert(1)>"), 5, "begins with https://"),
        (body("<me@example.org>"), 5, "mail address"),
        (body("![x](https://elsewhere.org/x.png)"), 5, "not of this site"),
        (body(&format!("{} deep", ">".repeat(500))), 5, "nested more than 16 deep"),
        (body(&"x".repeat(300_000)), 1, "at most 200000 are read"),
    ];
    for (text, line, reason) in cases {
        let short: String = text.chars().take(300).collect();
        let read = lesson("a.md", &text, &MODELS);
        let faults = read.expect_err(&short);
        let found = faults
            .iter()
            .any(|fault| fault.file == "a.md" && fault.line == line && fault.reason.to_lowercase().contains(&reason.to_lowercase()));
        assert!(found, "line {line}: {reason}\n{faults:#?}\n{short}");
        assert!(faults.iter().all(|fault| fault.line > 0 && fault.reason.ends_with('.')), "{faults:?}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "+++\ntitle = \"\"\n+++\n## s\n```toml step\npoint = \"x\"\ntab = \"y\"\n```\nwords {z}\n";
    let faults = lesson("a.md", text, &MODELS).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 6, 7, 9]);
}

#[test]
fn the_glossary_has_entries_with_all_their_names() {
    let text = "# Glossary\n\nFor writers.\n\n## zero point, zero points, offset\n\nThe integer that [zero]() is. (Jacob et al. 2018)\n\n## Zero\n\nNothing.\n";
    let glossary = glossary("g.md", text).unwrap();
    let names: Vec<_> = glossary.entries.iter().map(|entry| (&*entry.term, entry.aliases.join(" | "), entry.keys.join(" | "))).collect();
    assert_eq!(names, [("zero point", "offset".into(), "zero point | offset".into()), ("Zero", String::new(), "zero".into())]);
    let cases = [
        ("", 1, "no entry"),
        ("## a\n\n## b\n\nwords\n", 1, "\u{201c}a\u{201d} says nothing"),
        ("## a\n\nwords\n\n## b, A\n\nwords\n", 5, "for \u{201c}a\u{201d} already"),
        ("## a, ,b\n\nwords\n", 1, "empty name"),
        ("## a\n\n```toml step\n```\n", 3, "no settings"),
        ("## a\n\n[x](javascript:1)\n", 3, "https://"),
    ];
    for (text, line, reason) in cases {
        let faults = bitdial_lessons::glossary("g.md", text).expect_err(text);
        assert!(faults.iter().any(|fault| fault.line == line && fault.reason.contains(reason)), "{reason}: {faults:?}");
    }
}

#[test]
fn a_folder_is_held_against_its_list_and_its_glossary() {
    let lessons = [
        ("one.md".to_owned(), body("a [term](), another [Words]()")),
        ("Two.md".to_owned(), body("words")),
        ("bad.md".to_owned(), body("{bad}")),
    ];
    let folder = Folder {
        index: ("index.json", "[\n\"one\",\n\"three\",\n\"one\"]"),
        lessons: &lessons,
        glossary: ("glossary.md", "## term, word\n\nSee [what]().\n"),
        models: &MODELS,
    };
    let (faults, read) = check(&folder);
    let told: Vec<_> = faults.iter().map(|Fault { file, line, reason }| format!("{file}:{line}: {reason}")).collect();
    let expected = [
        "glossary.md:3: The glossary has no entry for \u{201c}what\u{201d}.",
        "Two.md:1: A lesson's file is named with small letters, digits and hyphens, and ends with .md.",
        "bad.md:5: There is no figure {bad}; there are accuracy, accuracy-f32, accuracy-change, size, size-ratio, latency, speedup, flips, energy-ratio.",
        "index.json:3: There is no file three.md.",
        "index.json:2: one is listed twice.",
    ];
    let mut sorted = expected.map(str::to_owned);
    sorted[3..].sort();
    assert_eq!(told, [&sorted[0], &sorted[1], &sorted[2], &sorted[3], &sorted[4]].map(Clone::clone));
    assert_eq!(read.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["one"]);
    let (faults, _) = check(&Folder { index: ("index.json", "{}"), ..folder });
    assert!(faults.iter().any(|fault| fault.file == "index.json" && fault.reason.contains("not a JSON list")), "{faults:?}");
}

/// Pieces of lessons, whole and broken.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("+++\n".to_owned()),
        Just("title = \"t\"\n".to_owned()),
        Just("## s\n".to_owned()),
        Just("```toml step\n".to_owned()),
        Just("```toml question\n".to_owned()),
        Just("```\n".to_owned()),
        Just("answers = [{ text = \"a\", to = 1 }]\n".to_owned()),
        Just("because = \"\"\"\n".to_owned()),
        Just("> - 1. ".to_owned()),
        Just("| a | b |\n|--|--|\n| c |\n".to_owned()),
        Just("[x]()".to_owned()),
        Just("![](x)".to_owned()),
        Just("{accuracy}".to_owned()),
        Just("<b>\n".to_owned()),
        "\\PC{0,8}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in pieces(), plain in any::<String>()) {
        for text in [&text, &plain, &body(&text), &WHOLE.replace("It has", &text)] {
            if let Err(faults) = lesson("a.md", text, &MODELS) {
                prop_assert!(!faults.is_empty() && faults.iter().all(|fault| fault.line > 0));
            }
            if let Err(faults) = glossary("a.md", text) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}

#[test]
fn hostile_texts_are_read_in_no_time() {
    let n = 60_000;
    let texts = [
        body(&"> ".repeat(n)),
        body(&"[".repeat(n)),
        body(&"*a_".repeat(n)),
        body(&"![[](".repeat(n / 2)),
        body(&"`".repeat(n)),
        body(&"{".repeat(n)),
        body(&"<".repeat(n)),
        body(&"- ".repeat(n)),
        body(&"a | ".repeat(n / 2)),
        body(&format!("```toml step\nrecipe = {}\n```", "[".repeat(n))),
        body(&format!("```toml step\nrecipe = \"{}\"\n```", "&w=".repeat(n))),
        format!("+++\n{}\n+++\n", "a.".repeat(n)),
        "## a\n".repeat(n / 2),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let (read, listed) = (lesson("a.md", &text, &MODELS), glossary("a.md", &text));
        let (time, short) = (start.elapsed(), text.chars().skip(20).take(30).collect::<String>());
        assert!(time.as_secs_f64() < 5.0, "{short}: {time:?}, {} {}", read.is_ok(), listed.is_ok());
    }
}
